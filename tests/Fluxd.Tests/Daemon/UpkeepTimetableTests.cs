using System.Collections.Concurrent;
using Fluxd.Daemon;
using Fluxd.Daemon.Config;
using Fluxd.Store.Upkeep;
using Fluxd.Testing;
using Fluxd.Tests.Store.Upkeep;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Fluxd.Tests.Daemon;

/// <summary>Days of the timetable, hour by hour, on a clock that the test moves, over a real store.</summary>
public sealed class UpkeepTimetableTests : UpkeepFixture
{
    private readonly ManualTime _clock = new(TimeProvider.System.GetUtcNow());
    private readonly Diary _diary = new();

    [Fact(Timeout = 2 * TimeoutMs)]
    public async Task Garbage_goes_once_a_day_and_packs_are_read_once_a_month()
    {
        await Work();
        await using var day = await BeginAsync(new StoreConfig { Path = Home, GcRate = new(0), ScrubRate = new(0) });
        await day.HoursAsync(1);
        Assert.Equal([Collected, Scrubbed], _diary.Take());
        await Remove("/big");
        await ForgetThePast();
        var before = await ContentsAsync();
        await day.HoursAsync(23);
        Assert.Empty(_diary.Take());
        Assert.Equal(before, await ContentsAsync());
        await day.HoursAsync(1);
        Assert.Equal([Collected], _diary.Take());
        Assert.True(await ContentsAsync() < before, "a day is over");

        await day.HoursAsync((29 * 24) - 1);
        Assert.Equal(Enumerable.Repeat(Collected, 28), _diary.Take().Where(what => what == Collected));
        await day.HoursAsync(24);
        Assert.Contains(Scrubbed, _diary.Take());
        await EverythingReads();
        await IsClean();
    }

    [Fact(Timeout = 2 * TimeoutMs)]
    public async Task A_day_moves_no_more_than_it_may_and_the_next_goes_on()
    {
        for (var i = 0; i < 6; i++)
        {
            await Put($"/kept{i}", Noise(i, 3_000_000));
            await Put($"/waste{i}", Noise(100 + i, 5_300_000));
        }

        for (var i = 0; i < 6; i++)
        {
            await Remove($"/waste{i}");
        }

        await ForgetThePast();
        await using var day = await BeginAsync(new StoreConfig { Path = Home, GcRate = new(0), Scrub = false }, moveBytesPerRound: 1 << 20);
        await Copies.MakeAsync(Ct);
        var (days, before) = (0, PackFileBytes);
        for (var goesOn = true; goesOn; days++)
        {
            await day.HoursAsync(24);
            var said = Assert.Single(_diary.TakeTexts());
            goesOn = said.Contains("the next goes on", StringComparison.Ordinal);
            await EverythingReads();
        }

        Assert.InRange(days, 3, 12);
        await day.HoursAsync(72);
        Assert.True(PackFileBytes < before - 20_000_000, $"{before} before, {PackFileBytes} after {days} days");
        await IsClean();
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task What_is_turned_off_does_not_happen_and_is_turned_on_without_a_restart()
    {
        await Work();
        var config = new StoreConfig { Path = Home, Gc = false, Scrub = false };
        await using var day = await BeginAsync(() => config);
        await day.HoursAsync(30);
        Assert.Empty(_diary.Take());
        config = config with { Gc = true, Scrub = true, GcRate = new(0), ScrubRate = new(0) };
        await day.HoursAsync(1);
        Assert.Equal([Collected, Scrubbed], _diary.Take());
    }

    [Theory]
    [InlineData(0, 20, 16 << 10)]
    [InlineData(1, 20, 16 << 10)]
    [InlineData(10, 20, 19859)] // 10 TiB in 22 days of hours
    [InlineData(50, 20, 20 * 45 * 60)] // as much as the rate reads in three quarters of an hour
    [InlineData(50, 100, 99296)]
    [InlineData(50, 0, 99296)]
    [InlineData(1, 1, 45 * 60)]
    public void Scrubbing_follows_the_size_of_the_store_within_its_rate(long tebibytes, long mebibytesPerSecond, long mebibytesAnHour) =>
        Assert.Equal(mebibytesAnHour, UpkeepLimits.ScrubStretch(tebibytes << 40, mebibytesPerSecond << 20) >> 20);

    private const int Collected = 180;
    private const int Scrubbed = 181;

    private Task<Day> BeginAsync(StoreConfig config, long moveBytesPerRound = UpkeepLimits.MoveBytesPerRound) => BeginAsync(() => config, moveBytesPerRound);

    private async Task<Day> BeginAsync(Func<StoreConfig> config, long moveBytesPerRound = UpkeepLimits.MoveBytesPerRound)
    {
        await Reopen(clock: _clock);
        var upkeep = new StoreUpkeep(Store) { MoveBytesPerRound = moveBytesPerRound };
        var clock = new RestingClock(_clock);
        return await Day.BeginAsync(UpkeepTimetable.Start(upkeep, config, clock, _diary), upkeep, _clock, clock);
    }

    private ValueTask<long> ContentsAsync() => Store.Catalog.ReadAsync(reader => reader.Scalar("SELECT count(*) FROM content") ?? 0, Ct);

    private sealed class Day(Hourly timetable, StoreUpkeep upkeep, ManualTime time, RestingClock clock) : IAsyncDisposable
    {
        public static async Task<Day> BeginAsync(Hourly timetable, StoreUpkeep upkeep, ManualTime time, RestingClock clock)
        {
            await clock.AtRest.WaitAsync();
            return new Day(timetable, upkeep, time, clock);
        }

        public async Task HoursAsync(int hours)
        {
            for (var hour = 0; hour < hours; hour++)
            {
                time.Advance(TimeSpan.FromHours(1));
                await clock.AtRest.WaitAsync();
            }
        }

        public async ValueTask DisposeAsync()
        {
            await timetable.DisposeAsync();
            upkeep.Dispose();
            clock.AtRest.Dispose();
        }
    }

    /// <summary>Tells when somebody begins to wait for an hour to pass: all that the hour before brought is done then.</summary>
    private sealed class RestingClock(ManualTime time) : TimeProvider
    {
        public SemaphoreSlim AtRest { get; } = new(0);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = time.CreateTimer(callback, state, dueTime, period);
            AtRest.Release();
            return timer;
        }
    }

    private sealed class Diary : ILogger
    {
        private readonly ConcurrentQueue<(int What, string Text)> _lines = [];

        public List<int> Take() => [.. TakeAll().Select(line => line.What)];

        public List<string> TakeTexts() => [.. TakeAll().Select(line => line.Text)];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            _lines.Enqueue((eventId.Id, $"{formatter(state, exception)} {exception}"));

        private List<(int What, string Text)> TakeAll()
        {
            var all = new List<(int, string)>();
            while (_lines.TryDequeue(out var line))
            {
                all.Add(line);
            }

            return all;
        }
    }
}
