using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace Fluxd.Transports.Net;

/// <summary>
/// Listening sockets, those from systemd (<see cref="FileHandleEndPoint"/>) among them, that stop in the right order:
/// first nobody accepts any more, then the descriptors are closed. Closing one in the middle of an accept would make the
/// runtime disconnect it, and with it the queue that only the next daemon would have served.
/// </summary>
internal sealed class TcpListeners(Action<Socket> accepted, Action<SocketException> failed) : IDisposable
{
    /// <summary>When the process has no descriptor left, accepting again at once would only burn the processor.</summary>
    private static readonly TimeSpan Breath = TimeSpan.FromMilliseconds(100);

    private readonly List<Socket> _sockets = [];
    private readonly List<Task> _loops = [];
    private readonly CancellationTokenSource _accepting = new();

    public IReadOnlyList<EndPoint> Bound => [.. _sockets.Select(socket => socket.LocalEndPoint!)];

    /// <exception cref="SocketException">The address is in use or not this machine's.</exception>
    public void Bind(EndPoint endPoint, int backlog)
    {
        var socket = SocketTransportOptions.CreateDefaultBoundListenSocket(endPoint);
        _sockets.Add(socket);
        socket.Listen(backlog);
    }

    public void Start() => _loops.AddRange(_sockets.Select(AcceptAsync));

    /// <summary>Who is in the kernel's queue from now on stays there; what was accepted has been handed over.</summary>
    public async Task StopAsync()
    {
        await _accepting.CancelAsync();
        await Task.WhenAll(_loops);
        _sockets.ForEach(socket => socket.Dispose());
    }

    public void Dispose()
    {
        _sockets.ForEach(socket => socket.Dispose());
        _accepting.Dispose();
    }

    private async Task AcceptAsync(Socket listener)
    {
        while (!_accepting.IsCancellationRequested)
        {
            try
            {
                accepted(await listener.AcceptAsync(_accepting.Token));
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionReset or SocketError.ConnectionAborted)
            {
                // The client went away while it waited to be accepted.
            }
            catch (SocketException e)
            {
                failed(e);
                await Task.Delay(Breath, CancellationToken.None);
            }
        }
    }
}
