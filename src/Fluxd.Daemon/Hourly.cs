namespace Fluxd.Daemon;

/// <summary>
/// Work that comes round every hour, or more often, until it is disposed, which waits for a run that is under way. A run that fails is
/// told, and the next hour tries again.
/// </summary>
internal sealed class Hourly : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;

    /// <param name="atOnce">The first run comes with the start, not an hour later.</param>
    public Hourly(Func<CancellationToken, Task> work, bool atOnce, Action<Exception> failed, TimeProvider clock, TimeSpan? every = null) =>
        _loop = Task.Run(() => LoopAsync(work, atOnce, failed, clock, every ?? TimeSpan.FromHours(1)));

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _loop;
        _stop.Dispose();
    }

    private async Task LoopAsync(Func<CancellationToken, Task> work, bool atOnce, Action<Exception> failed, TimeProvider clock, TimeSpan every)
    {
        try
        {
            if (atOnce)
            {
                await RunOnceAsync(work, failed);
            }

            while (true)
            {
                await Task.Delay(every, clock, _stop.Token);
                await RunOnceAsync(work, failed);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The daemon stops.
        }
    }

    private async Task RunOnceAsync(Func<CancellationToken, Task> work, Action<Exception> failed)
    {
        try
        {
            await work(_stop.Token);
        }
#pragma warning disable CA1031 // A background loop: a fault is told, and the next hour tries again.
        catch (Exception e) when (e is not OperationCanceledException)
#pragma warning restore CA1031
        {
            failed(e);
        }
    }
}
