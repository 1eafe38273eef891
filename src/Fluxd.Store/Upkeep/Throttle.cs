namespace Fluxd.Store.Upkeep;

/// <summary>Keeps background reading and writing to so many bytes a second. One user.</summary>
internal sealed class Throttle(long bytesPerSecond, TimeProvider clock)
{
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(20);
    private readonly long _began = clock.GetTimestamp();
    private long _bytes;

    /// <summary>Counts what was done, and waits until the average is within the limit again. 0 bytes a second: no limit.</summary>
    public async ValueTask SpendAsync(long bytes, CancellationToken ct)
    {
        _bytes += bytes;
        if (bytesPerSecond <= 0)
        {
            return;
        }

        var due = TimeSpan.FromSeconds((double)_bytes / bytesPerSecond) - clock.GetElapsedTime(_began);
        if (due > Shortest)
        {
            await Task.Delay(due, clock, ct);
        }
    }
}
