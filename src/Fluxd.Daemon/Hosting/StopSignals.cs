using System.Runtime.InteropServices;
using System.Threading.Channels;

namespace Fluxd.Daemon.Hosting;

/// <summary>
/// SIGTERM and SIGINT: the first asks to stop, the second to stop at once. SIGHUP: read the settings again. Handlers only
/// note the wish; the daemon's own loop acts on it.
/// </summary>
internal sealed class StopSignals : IDisposable
{
    private readonly List<PosixSignalRegistration> _registrations = [];
    private readonly TaskCompletionSource _first = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _second = new();

    // One waiting wish is enough: a reload that starts after the last SIGHUP has seen everything.
    private readonly Channel<bool> _reloads = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    public Task First => _first.Task;

    public CancellationToken Second => _second.Token;

    public ChannelReader<bool> Reloads => _reloads.Reader;

    public void Register()
    {
        foreach (var signal in new[] { PosixSignal.SIGTERM, PosixSignal.SIGINT })
        {
            _registrations.Add(PosixSignalRegistration.Create(signal, context =>
            {
                context.Cancel = true;
                Stop();
            }));
        }

        _registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGHUP, context =>
        {
            context.Cancel = true;
            Reload();
        }));
    }

    public void Stop()
    {
        if (!_first.TrySetResult())
        {
            _second.Cancel();
        }
    }

    public void Reload() => _reloads.Writer.TryWrite(true);

    public void Dispose()
    {
        _registrations.ForEach(registration => registration.Dispose());
        _reloads.Writer.TryComplete();
        _second.Dispose();
    }
}
