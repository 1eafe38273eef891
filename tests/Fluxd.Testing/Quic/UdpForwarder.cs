using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Fluxd.Testing.Quic;

/// <summary>What a link does to datagrams, the same in both directions.</summary>
public sealed record LinkConditions
{
    public TimeSpan Delay { get; init; }

    /// <summary>Each datagram is late by up to this much more, so that they overtake each other.</summary>
    public TimeSpan Jitter { get; init; }

    /// <summary>0 to 1.</summary>
    public double Loss { get; init; }

    /// <summary>0 is unlimited. What does not fit the queue is dropped, as a router does.</summary>
    public double BytesPerSecond { get; init; }

    public int QueueBytes { get; init; } = 256 * 1024;
}

/// <summary>
/// A UDP router in user space between a client and a server on loopback: delay, reordering, loss, rate, outage, and a
/// NAT that may forget its mapping. Randomness comes from a seed that the test prints.
/// </summary>
public sealed class UdpForwarder : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Socket _near = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly Lock _gate = new();
    private readonly Random _random;
    private readonly PriorityQueue<(Socket From, EndPoint To, byte[] Data), long> _late = new();
    private readonly SemaphoreSlim _arrived = new(0);
    private readonly List<Task> _loops = [];
    private readonly List<Socket> _sockets = [];
    private readonly long[] _freeAt = new long[2];
    private readonly Dictionary<EndPoint, Socket> _mappings = [];

    public UdpForwarder(IPEndPoint target, LinkConditions conditions, int seed)
    {
        Target = target;
        Conditions = conditions;
        _random = new Random(seed);
        _near.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _near.ReceiveBufferSize = _near.SendBufferSize = 4 << 20;
        _loops.Add(FromClient());
        _loops.Add(Task.Run(DeliverLate));
    }

    public IPEndPoint EndPoint => (IPEndPoint)_near.LocalEndPoint!;

    public IPEndPoint Target { get; set; }

    public LinkConditions Conditions { get; set; }

    /// <summary>Nothing gets through in either direction.</summary>
    public bool IsDown { get; set; }

    /// <summary>Nothing gets through to the clients, while the server still hears them.</summary>
    public bool IsDeaf { get; set; }

    public long BytesUp { get; private set; }

    public long BytesDown { get; private set; }

    public long DatagramsUp { get; private set; }

    /// <summary>The NAT forgets: the server sees every client at another port from now on.</summary>
    public void Rebind()
    {
        lock (_gate)
        {
            _mappings.Clear();
        }
    }

    /// <summary>The socket by which the server sees this client.</summary>
    private Socket FarOf(EndPoint client)
    {
        lock (_gate)
        {
            if (_mappings.TryGetValue(client, out var known))
            {
                return known;
            }

            var far = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            far.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            far.ReceiveBufferSize = far.SendBufferSize = 4 << 20;
            _mappings.Add(client, far);
            _sockets.Add(far);
            _loops.Add(FromServer(far, client));
            return far;
        }
    }

    private bool IsMapped(EndPoint client, Socket far)
    {
        lock (_gate)
        {
            return _mappings.TryGetValue(client, out var now) && now == far;
        }
    }

    private async Task FromClient()
    {
        var buffer = new byte[65536];
        while (await Receive(_near, buffer) is { } got)
        {
            BytesUp += got.Length;
            DatagramsUp++;
            Forward(0, FarOf(got.From), Target, buffer.AsSpan(0, got.Length));
        }
    }

    private async Task FromServer(Socket far, EndPoint client)
    {
        var buffer = new byte[65536];
        while (await Receive(far, buffer) is { } got)
        {
            if (IsMapped(client, far)) // what still comes to the forgotten mapping is lost
            {
                BytesDown += got.Length;
                Forward(1, _near, client, buffer.AsSpan(0, got.Length));
            }
        }
    }

    private async Task<(int Length, EndPoint From)?> Receive(Socket socket, byte[] buffer)
    {
        while (true)
        {
            try
            {
                var got = await socket.ReceiveFromAsync(buffer, SocketFlags.None, new IPEndPoint(IPAddress.Any, 0), _stop.Token);
                return (got.ReceivedBytes, got.RemoteEndPoint);
            }
            catch (SocketException) when (!_stop.IsCancellationRequested)
            {
                // ICMP of an earlier send; the link does not care
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return null;
            }
        }
    }

    private void Forward(int direction, Socket from, EndPoint to, ReadOnlySpan<byte> data)
    {
        var conditions = Conditions;
        lock (_gate)
        {
            if (IsDown || (IsDeaf && direction == 1) || _random.NextDouble() < conditions.Loss)
            {
                return;
            }

            var now = Stopwatch.GetTimestamp();
            var leave = now;
            if (conditions.BytesPerSecond > 0)
            {
                var start = Math.Max(now, _freeAt[direction]);
                if ((start - now) * conditions.BytesPerSecond / Stopwatch.Frequency > conditions.QueueBytes)
                {
                    return;
                }

                leave = _freeAt[direction] = start + (long)(data.Length * Stopwatch.Frequency / conditions.BytesPerSecond);
            }

            var late = conditions.Delay + (conditions.Jitter * _random.NextDouble());
            if (late > TimeSpan.Zero || leave > now)
            {
                _late.Enqueue((from, to, data.ToArray()), leave + (long)(late.TotalSeconds * Stopwatch.Frequency));
                _arrived.Release();
                return;
            }
        }

        Send(from, to, data);
    }

    private async Task DeliverLate()
    {
        while (!_stop.IsCancellationRequested)
        {
            (Socket From, EndPoint To, byte[] Data)? packet = null;
            var wait = -1;
            lock (_gate)
            {
                if (_late.TryPeek(out _, out var due))
                {
                    var left = due - Stopwatch.GetTimestamp();
                    wait = left <= 0 ? 0 : (int)Math.Ceiling(left * 1000.0 / Stopwatch.Frequency);
                    if (wait == 0)
                    {
                        packet = _late.Dequeue();
                    }
                }
            }

            if (packet is { } ready)
            {
                Send(ready.From, ready.To, ready.Data);
                continue;
            }

            try
            {
                await _arrived.WaitAsync(wait, _stop.Token);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private static void Send(Socket from, EndPoint to, ReadOnlySpan<byte> data)
    {
        try
        {
            from.SendTo(data, SocketFlags.None, to);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // lost
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _near.Dispose();
        foreach (var socket in _sockets)
        {
            socket.Dispose();
        }

        Task[] loops;
        lock (_gate)
        {
            loops = [.. _loops];
        }

        await Task.WhenAll(loops);
        _stop.Dispose();
        _arrived.Dispose();
    }
}
