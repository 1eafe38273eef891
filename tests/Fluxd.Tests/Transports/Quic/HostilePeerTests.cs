using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Fluxd.Testing.Quic;
using Fluxd.Transports.Quic;
using Xunit;
using Xunit.Abstractions;

namespace Fluxd.Tests.Transports.Quic;

public sealed class HostilePeerTests(ITestOutputHelper output)
{
    [QuicFact]
    public async Task Garbage_harms_nobody()
    {
        await using var pair = new QuicPair();
        var (client, server) = await pair.Connect();
        var (mine, theirs) = await QuicPair.OpenStream(client, server);
        var seed = Random.Shared.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        using var socket = Connected(pair.Server.LocalEndPoint);
        for (var i = 0; i < 3000; i++)
        {
            var packet = new byte[random.Next(1, 1500)];
            random.NextBytes(packet);
            if (i % 3 == 0)
            {
                packet[0] |= 0xc0; // long header
                packet.AsSpan(1, Math.Min(4, packet.Length - 1)).Clear();
                if (packet.Length > 5)
                {
                    packet[4] = 1; // version 1
                }
            }

            await socket.SendAsync(packet);
        }

        await EngineTests.Send(mine, [1, 2, 3]);
        Assert.Equal([1, 2, 3], await theirs.Input!.ReadToEnd());
        Assert.True(client.IsAlive && server.IsAlive);
    }

    [QuicFact]
    public async Task Mutated_packets_of_a_real_connection_harm_nobody()
    {
        await using var pair = new QuicPair();
        var seed = Random.Shared.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        using var sniffer = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        sniffer.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var lost = pair.Client.Connect((IPEndPoint)sniffer.LocalEndPoint!, pair.ClientOptions);
        var initial = new byte[1500];
        var length = await sniffer.ReceiveAsync(initial);
        lost.Close(0);
        using var socket = Connected(pair.Server.LocalEndPoint);
        for (var i = 0; i < 2000; i++)
        {
            var packet = initial.AsSpan(0, random.Next(20) == 0 ? random.Next(1, length) : length).ToArray();
            for (var flips = random.Next(1, 6); flips > 0; flips--)
            {
                packet[random.Next(packet.Length)] ^= (byte)(1 << random.Next(8));
            }

            await socket.SendAsync(packet);
        }

        var (client, server) = await pair.Connect();
        var (mine, theirs) = await QuicPair.OpenStream(client, server);
        await EngineTests.Send(mine, [7]);
        Assert.Equal([7], await theirs.Input!.ReadToEnd());
    }

    [QuicFact]
    public async Task An_unknown_version_is_answered_with_the_ones_we_speak()
    {
        await using var pair = new QuicPair();
        using var socket = Connected(pair.Server.LocalEndPoint);
        var packet = new byte[1200];
        packet[0] = 0xc0;
        packet[1] = packet[2] = packet[3] = packet[4] = 0x5a; // a version reserved for this
        packet[5] = 8;
        RandomNumberGenerator.Fill(packet.AsSpan(6, 8));
        packet[14] = 4;
        RandomNumberGenerator.Fill(packet.AsSpan(15, 4));
        await socket.SendAsync(packet);

        var answer = new byte[1500];
        var length = await socket.ReceiveAsync(answer).WaitAsync(TimeSpan.FromSeconds(10));
        Assert.Equal(0x80, answer[0] & 0x80);
        Assert.Equal(new byte[4], answer[1..5]);
        Assert.Equal(packet[15..19], answer[6..10]); // our source id is its destination
        Assert.Equal(new byte[] { 0, 0, 0, 1 }, answer[(length - 4)..length]);
    }

    [QuicFact]
    public async Task Never_more_than_three_times_what_came_goes_to_an_unproven_address()
    {
        await using var pair = new QuicPair();
        using var catcher = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        catcher.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var lost = pair.Client.Connect((IPEndPoint)catcher.LocalEndPoint!, pair.ClientOptions);
        var initial = new byte[1500];
        var length = await catcher.ReceiveAsync(initial);
        lost.Close(0);

        using var victim = Connected(pair.Server.LocalEndPoint);
        await victim.SendAsync(initial.AsMemory(0, length));
        var buffer = new byte[2000];
        var received = 0;
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(4)); // several repetitions of the server's flight
        try
        {
            while (true)
            {
                received += await victim.ReceiveAsync(buffer, patience.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // silence
        }

        Assert.InRange(received, 1, 3 * length);
        output.WriteLine($"{length} bytes brought {received}");
    }

    [QuicFact]
    public async Task A_thousand_half_open_handshakes_leave_room_for_an_honest_client()
    {
        const int Addresses = 25;
        await using var pair = new QuicPair();
        using var catcher = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        catcher.Bind(new IPEndPoint(IPAddress.Loopback, 0));

        // Each address stays within its own share, so that the bound of all together is met.
        var attackers = Enumerable.Range(0, Addresses).Select(i => Connected(pair.Server.LocalEndPoint, IPAddress.Parse($"127.0.2.{i + 1}"))).ToArray();
        var buffer = new byte[1500];
        for (var i = 0; i < 1000; i++)
        {
            var begun = pair.Client.Connect((IPEndPoint)catcher.LocalEndPoint!, pair.ClientOptions);
            var length = await catcher.ReceiveAsync(buffer);
            await attackers[i % Addresses].SendAsync(buffer.AsMemory(0, length)); // and never answers
            begun.Close(0);
            await catcher.ReceiveAsync(buffer); // its goodbye
        }

        Assert.InRange(pair.Server.ConnectionCount, 1, QuicLimits.HandshakesBeforeRetry); // the others were asked to prove their address
        Array.ForEach(attackers, attacker => attacker.Dispose());
        output.WriteLine($"{pair.Server.ConnectionCount} handshakes kept");
        var (client, server) = await pair.Connect();
        var (mine, theirs) = await QuicPair.OpenStream(client, server);
        await EngineTests.Send(mine, [5]);
        Assert.Equal([5], await theirs.Input!.ReadToEnd());
    }

    [QuicFact]
    public async Task Connections_leave_nothing_behind()
    {
        await using var pair = new QuicPair();
        await Cycle(pair, 100); // what is made once is made now
        var handles = Handles();
        var memory = Environment.WorkingSet;
        await Cycle(pair, 400);
        await AllFreed(pair);
        var grownHandles = Handles() - handles;
        var grownBytes = Environment.WorkingSet - memory;
        output.WriteLine($"{grownHandles} handles, {grownBytes >> 10} KiB");
        Assert.InRange(grownHandles, -1000, 20); // other tests open theirs at the same time
        Assert.Equal((0, 0), (pair.Server.Ids.Count, pair.Client.Ids.Count));
    }

    [QuicFact(Timeout = 600_000)]
    [Trait("Category", "Long")]
    public async Task Memory_is_flat_over_five_thousand_connections()
    {
        await using var pair = new QuicPair();
        await Cycle(pair, 1000);
        var memory = Environment.WorkingSet;
        var handles = Handles();
        await Cycle(pair, 4000);
        await AllFreed(pair);
        var grown = Environment.WorkingSet - memory;
        output.WriteLine($"{grown >> 10} KiB, {Handles() - handles} handles");
        Assert.InRange(grown, long.MinValue, 32 << 20);
        Assert.InRange(Handles() - handles, -1000, 20);
    }

    private static async Task Cycle(QuicPair pair, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var (client, server) = await pair.Connect();
            var (mine, theirs) = await QuicPair.OpenStream(client, server);
            await EngineTests.Send(mine, [1, 2]);
            await EngineTests.Send(theirs, [3]);
            Assert.Equal([1, 2], await theirs.Input!.ReadToEnd());
            Assert.Equal([3], await mine.Input!.ReadToEnd());
            client.Close(0);
        }
    }

    private static async Task AllFreed(QuicPair pair)
    {
        while (pair.Server.ConnectionCount + pair.Client.ConnectionCount > 0)
        {
            await Task.Delay(10);
        }
    }

    private static int Handles() => Directory.GetFiles("/proc/self/fd").Length;

    private static Socket Connected(IPEndPoint server, IPAddress? from = null)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(from ?? IPAddress.Loopback, 0));
        socket.Connect(server);
        return socket;
    }
}
