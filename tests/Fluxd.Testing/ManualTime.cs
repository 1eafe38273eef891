namespace Fluxd.Testing;

/// <summary>A clock that moves only when a test moves it; its timers fire inside <see cref="Advance"/>, in order.</summary>
public sealed class ManualTime(DateTimeOffset? start = null) : TimeProvider
{
    private readonly Lock _gate = new();
    private readonly List<ManualTimer> _timers = [];
    private DateTimeOffset _now = start ?? new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private long _elapsedTicks;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow()
    {
        lock (_gate)
        {
            return _now;
        }
    }

    public override long GetTimestamp() => Interlocked.Read(ref _elapsedTicks);

    public void Advance(TimeSpan by)
    {
        var end = GetTimestamp() + by.Ticks;
        while (Next(end) is { } due)
        {
            MoveTo(due.DueAt);
            due.Fire();
        }

        MoveTo(end);
    }

    /// <summary>The wall clock alone jumps, as when an administrator sets it: no timer moves.</summary>
    public void SetUtcNow(DateTimeOffset now)
    {
        lock (_gate)
        {
            _now = now;
        }
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ManualTimer(this, callback, state);
        timer.Change(dueTime, period);
        lock (_gate)
        {
            _timers.Add(timer);
        }

        return timer;
    }

    private ManualTimer? Next(long end)
    {
        lock (_gate)
        {
            return _timers.Where(timer => timer.DueAt <= end).MinBy(timer => timer.DueAt);
        }
    }

    private void MoveTo(long elapsed)
    {
        lock (_gate)
        {
            var step = Math.Max(0, elapsed - _elapsedTicks);
            _now += TimeSpan.FromTicks(step);
            _elapsedTicks += step;
        }
    }

    private void Forget(ManualTimer timer)
    {
        lock (_gate)
        {
            _timers.Remove(timer);
        }
    }

    private sealed class ManualTimer(ManualTime owner, TimerCallback callback, object? state) : ITimer
    {
        private long _periodTicks = -1;

        public long DueAt { get; private set; } = long.MaxValue;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            _periodTicks = period.Ticks;
            DueAt = dueTime < TimeSpan.Zero ? long.MaxValue : owner.GetTimestamp() + dueTime.Ticks;
            return true;
        }

        public void Fire()
        {
            DueAt = _periodTicks > 0 ? DueAt + _periodTicks : long.MaxValue;
            callback(state);
        }

        public void Dispose() => owner.Forget(this);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
