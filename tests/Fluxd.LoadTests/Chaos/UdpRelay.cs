using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Fluxd.LoadTests.Chaos;

/// <summary>
/// A relay of datagrams in front of the daemon, as a router is: each client has a port of its own behind it. A cut loses
/// everything for a while, and the router forgets its ports: who goes on comes from another address.
/// </summary>
internal sealed class UdpRelay : IAsyncDisposable
{
    private const int OutageMs = 300;
    private const int DatagramBytesMax = 1 << 16;
    private const int BufferBytes = 4 << 20; // a window's worth: the relay itself is not meant to lose any

    private readonly Socket _front = NewSocket();
    private readonly ConcurrentDictionary<EndPoint, Socket> _back = new();
    private readonly ConcurrentDictionary<Task, bool> _running = new();
    private readonly CancellationTokenSource _ended = new();
    private readonly IPEndPoint _target;
    private readonly Task _loop;
    private long _darkUntil;

    public UdpRelay(IPEndPoint target)
    {
        _target = target;
        _front.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _loop = ForwardAsync();
    }

    public IPEndPoint EndPoint => (IPEndPoint)_front.LocalEndPoint!;

    private bool IsDark => Environment.TickCount64 < Interlocked.Read(ref _darkUntil);

    public void Cut()
    {
        Interlocked.Exchange(ref _darkUntil, Environment.TickCount64 + OutageMs);
        foreach (var (client, _) in _back)
        {
            if (_back.TryRemove(client, out var server))
            {
                server.Dispose();
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        await _loop;
        Cut();
        await Task.WhenAll(_running.Keys);
        _front.Dispose();
        _ended.Dispose();
    }

    private static Socket NewSocket() => new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ReceiveBufferSize = BufferBytes, SendBufferSize = BufferBytes };

    private async Task ForwardAsync()
    {
        var buffer = new byte[DatagramBytesMax];
        while (!_ended.IsCancellationRequested)
        {
            await UnlessLostAsync(async () =>
            {
                var got = await _front.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0), _ended.Token);
                if (!IsDark)
                {
                    await ServerOf(got.RemoteEndPoint).SendAsync(buffer.AsMemory(0, got.ReceivedBytes), _ended.Token);
                }
            });
        }
    }

    /// <summary>The loop alone asks, so nobody makes a second one meanwhile.</summary>
    private Socket ServerOf(EndPoint client)
    {
        if (_back.TryGetValue(client, out var known))
        {
            return known;
        }

        var server = _back[client] = NewSocket();
        server.Connect(_target);
        _running[ReturnAsync(client, server)] = true;
        foreach (var (old, _) in _running.Where(run => run.Key.IsCompleted))
        {
            _running.TryRemove(old, out _);
        }

        return server;
    }

    private async Task ReturnAsync(EndPoint client, Socket server)
    {
        var buffer = new byte[DatagramBytesMax];
        while (!_ended.IsCancellationRequested && _back.TryGetValue(client, out var current) && current == server)
        {
            await UnlessLostAsync(async () =>
            {
                var count = await server.ReceiveAsync(buffer, _ended.Token);
                if (!IsDark)
                {
                    await _front.SendToAsync(buffer.AsMemory(0, count), client, _ended.Token);
                }
            });
        }
    }

    /// <summary>A datagram that nobody takes is lost: the daemon may be down, the client gone, the port forgotten.</summary>
    private static async Task UnlessLostAsync(Func<Task> carry)
    {
        try
        {
            await carry();
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
        }
    }
}
