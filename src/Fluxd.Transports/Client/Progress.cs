namespace Fluxd.Transports.Client;

/// <param name="Done">Bytes that are settled, sent or known to be there.</param>
/// <param name="Moved">Bytes that really crossed the link.</param>
public sealed record ProgressReport(string Name, long Done, long Total, long Moved, double BytesPerSecond, TimeSpan? Left);

/// <summary>Counts one transfer and reports at most ten times a second. Thread-safe.</summary>
public sealed class TransferMeter(string name, long total, TimeProvider clock, Action<ProgressReport>? report)
{
    private static readonly TimeSpan Every = TimeSpan.FromMilliseconds(100);

    private readonly long _started = clock.GetTimestamp();
    private readonly Lock _gate = new();
    private long _done;
    private long _moved;
    private long _skipped;
    private long _reported;

    public long Moved => Interlocked.Read(ref _moved);

    /// <summary>Was there already when this run began: doesn't count for the rate.</summary>
    public void Skip(long bytes)
    {
        Interlocked.Add(ref _skipped, bytes);
        Add(bytes, 0, force: false);
    }

    public void Add(long done, long moved) => Add(done, moved, force: false);

    public void Finish() => Add(0, 0, force: true);

    private void Add(long done, long moved, bool force)
    {
        var nowDone = Interlocked.Add(ref _done, done);
        var nowMoved = Interlocked.Add(ref _moved, moved);
        if (report is null)
        {
            return;
        }

        lock (_gate)
        {
            var now = clock.GetTimestamp();
            if (!force && clock.GetElapsedTime(_reported, now) < Every && _reported != 0)
            {
                return;
            }

            _reported = now;
            var seconds = Math.Max(0.001, clock.GetElapsedTime(_started, now).TotalSeconds);
            var rate = (nowDone - Interlocked.Read(ref _skipped)) / seconds;
            report(new ProgressReport(name, nowDone, total, nowMoved, rate, rate > 0 ? TimeSpan.FromSeconds((total - nowDone) / rate) : null));
        }
    }
}
