using System.Security.Cryptography;
using Fluxd.Core;
using Fluxd.Testing.Quic;
using Fluxd.Transports.Quic;
using Fluxd.Transports.Quic.Engine;
using Microsoft.AspNetCore.Connections;
using Xunit;

namespace Fluxd.Tests.Transports.Quic;

public sealed class EngineTests
{
    [QuicFact]
    public Task Bytes_arrive_whole_in_both_directions() => Exchange(portable: false);

    [QuicFact]
    public Task The_portable_socket_path_carries_the_same() => Exchange(portable: true);

    private static async Task Exchange(bool portable)
    {
        await using var pair = new QuicPair(portable: portable);
        var (client, server) = await pair.Connect();
        Assert.Equal("test/1", client.Protocol);
        Assert.Equal("test/1", server.Protocol);
        var (mine, theirs) = await QuicPair.OpenStream(client, server);
        var up = RandomNumberGenerator.GetBytes(20_000_000);
        var down = RandomNumberGenerator.GetBytes(10_000_000);

        var sendUp = Send(mine, up);
        var sendDown = Send(theirs, down);
        var gotUp = theirs.Input!.ReadToEnd();
        var gotDown = mine.Input!.ReadToEnd();

        Assert.True(Same(up, await gotUp));
        Assert.True(Same(down, await gotDown));
        await Task.WhenAll(sendUp, sendDown);
        await Task.WhenAll(mine.Closed, theirs.Closed);
        Assert.Equal(0, client.UnacknowledgedBytes);
        Assert.Equal(0, server.UnacknowledgedBytes);
    }

    [QuicFact]
    public async Task Many_streams_run_at_once_and_more_than_the_peer_allows_wait_their_turn()
    {
        await using var pair = new QuicPair();
        var (client, server) = await pair.Connect();
        var echo = Echo(server);
        var data = RandomNumberGenerator.GetBytes(50_000);
        await Task.WhenAll(Enumerable.Range(0, 3 * QuicLimits.BidiStreamsMax).Select(async _ =>
        {
            var stream = await client.OpenStreamAsync(true, CancellationToken.None);
            var sending = Send(stream, data);
            Assert.True(Same(data, await stream.Input!.ReadToEnd()));
            stream.Input!.Complete();
            await sending;
        }));
        client.Close(7);
        await Assert.ThrowsAsync<ConnectionResetException>(() => echo);
        Assert.Equal(7, server.PeerCloseCode);
    }

    [QuicFact]
    public async Task A_writer_waits_while_nobody_reads_and_memory_stays_bounded()
    {
        await using var pair = new QuicPair();
        var (client, server) = await pair.Connect();
        var (mine, theirs) = await QuicPair.OpenStream(client, server);
        var (ping, pong) = await QuicPair.OpenStream(client, server);
        var block = new byte[16384];
        var written = 0L;
        var writing = Task.Run(async () =>
        {
            while (!(await theirs.Output!.WriteAsync(block)).IsCompleted)
            {
                Interlocked.Add(ref written, block.Length);
            }
        });

        // The writer waits once what it wrote stays the same while another stream of the connection has round trips.
        for (var (still, before) = (0, 0L); still < 10; before = Interlocked.Read(ref written))
        {
            await RoundTrip(ping, pong);
            still = before > 0 && Interlocked.Read(ref written) == before ? still + 1 : 0;
        }

        Assert.InRange(Interlocked.Read(ref written), 1, QuicLimits.StreamSendBytesMax + QuicLimits.StreamReceiveBytesMax + block.Length);
        Assert.InRange(server.UnacknowledgedBytes, 1, QuicLimits.StreamSendBytesMax + (2 * block.Length)); // bytes of the round trips beside it may be among them

        mine.AbortRead(5); // STOP_SENDING releases the writer
        await writing;
        await mine.Output!.CompleteAsync();
        await theirs.Closed;
        Assert.Equal(5, theirs.WriteError);
    }

    [QuicFact]
    public async Task A_waiting_write_can_be_cancelled()
    {
        await using var pair = new QuicPair();
        var (client, server) = await pair.Connect();
        var (_, theirs) = await QuicPair.OpenStream(client, server);
        using var cancel = new CancellationTokenSource();
        var waiting = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var writing = Task.Run(async () =>
        {
            while (true)
            {
                var write = theirs.Output!.WriteAsync(new byte[65536].AsMemory(0, 32768), cancel.Token);
                if (!write.IsCompleted)
                {
                    waiting.TrySetResult();
                }

                await write;
            }
        });

        // Not by what is unacknowledged: a writer goes on waiting until half of its room is free.
        await waiting.Task;
        cancel.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => writing);
    }

    [QuicFact]
    public async Task A_reset_stream_tells_its_code_and_the_connection_goes_on()
    {
        await using var pair = new QuicPair();
        var (client, server) = await pair.Connect();
        var (mine, theirs) = await QuicPair.OpenStream(client, server);
        mine.AbortWrite(0x123);
        await Assert.ThrowsAsync<ConnectionResetException>(async () => await theirs.Input!.ReadAsync());
        Assert.Equal(0x123, theirs.ReadError);

        var (again, other) = await QuicPair.OpenStream(client, server);
        await Send(again, [1, 2, 3]);
        Assert.Equal([1, 2, 3], await other.Input!.ReadToEnd());
    }

    [QuicFact(Timeout = 120_000)]
    public async Task Keys_are_updated_from_either_side_without_losing_a_byte()
    {
        await using var pair = new QuicPair();
        var (client, server) = await pair.Connect();
        var (mine, theirs) = await QuicPair.OpenStream(client, server);
        var data = RandomNumberGenerator.GetBytes(8_000_000);
        var sending = Send(mine, data);
        client.UpdateKeys();
        server.UpdateKeys();
        Assert.True(Same(data, await theirs.Input!.ReadToEnd()));
        await sending;
        foreach (var side in (QuicConnection[])[client, server, client])
        {
            var before = side.KeyUpdates;
            while (side.KeyUpdates == before) // it is refused until the peer has followed the update before, which packets show
            {
                side.UpdateKeys();
                await Exchange(client, server, data[..1000]);
            }

            await Exchange(client, server, data[..1000]);
        }
    }

    private static async Task Exchange(QuicConnection client, QuicConnection server, byte[] data)
    {
        var (mine, theirs) = await QuicPair.OpenStream(client, server);
        await Send(mine, data);
        await Send(theirs, data);
        Assert.Equal(data, await theirs.Input!.ReadToEnd());
        Assert.Equal(data, await mine.Input!.ReadToEnd());
    }

    [QuicFact]
    public async Task A_transfer_goes_on_when_the_client_moves_to_another_port()
    {
        await using var pair = new QuicPair();
        var (client, server) = await pair.Connect();
        var before = server.Remote;
        var (mine, theirs) = await QuicPair.OpenStream(client, server);
        var data = RandomNumberGenerator.GetBytes(30_000_000);
        var sending = Send(theirs, data);
        var receiving = mine.Input!.ReadToEnd();
        pair.Client.Rebind();
        Assert.True(Same(data, await receiving));
        await sending;
        while (server.Migrations == 0)
        {
            await Task.Yield();
        }

        Assert.NotEqual(before.Port, server.Remote.Port);
    }

    [QuicFact]
    public async Task A_certificate_that_is_not_trusted_ends_the_connection()
    {
        await using var pair = new QuicPair();
        pair.ClientOptions = pair.ClientOptions with { Verify = _ => false };
        var client = pair.Client.Connect(pair.Server.LocalEndPoint, pair.ClientOptions);
        var refused = await Assert.ThrowsAsync<FluxException>(() => client.Handshake);
        Assert.Equal(FluxError.Denied, refused.Error);
    }

    [QuicFact]
    public async Task A_renewed_certificate_serves_the_next_client_while_the_present_one_goes_on()
    {
        await using var pair = new QuicPair();
        var (first, firstServer) = await pair.Connect();
        pair.Certificate.Renew();
        await pair.Connect(); // verifies the new one
        var (mine, theirs) = await QuicPair.OpenStream(first, firstServer);
        await Send(mine, [9]);
        Assert.Equal([9], await theirs.Input!.ReadToEnd());
    }

    [QuicFact]
    public async Task A_protocol_that_nobody_serves_is_refused()
    {
        await using var pair = new QuicPair();
        pair.ClientOptions = pair.ClientOptions with { Protocol = "other/9" };
        var client = pair.Client.Connect(pair.Server.LocalEndPoint, pair.ClientOptions);
        await Assert.ThrowsAsync<ConnectionResetException>(() => client.Handshake);
    }

    [QuicFact]
    public async Task Under_load_a_newcomer_proves_its_address_by_retry()
    {
        await using var pair = new QuicPair(new AdmissionLimits { HandshakesBeforeRetry = 0 });
        var (client, server) = await pair.Connect();
        var (mine, theirs) = await QuicPair.OpenStream(client, server);
        await Send(mine, [4, 2]);
        Assert.Equal([4, 2], await theirs.Input!.ReadToEnd());
    }

    [QuicFact]
    public async Task A_silent_peer_is_forgotten_after_the_idle_time()
    {
        await using var pair = new QuicPair(idle: TimeSpan.FromSeconds(1));
        pair.ClientOptions = pair.ClientOptions with { KeepAlive = TimeSpan.FromHours(1) };
        var (client, server) = await pair.Connect();
        await Assert.ThrowsAsync<ConnectionAbortedException>(async () => await server.Incoming.ReadAsync());
        await Task.WhenAll(client.Freed, server.Freed);
        Assert.Equal((0, 0), (pair.Server.ConnectionCount, pair.Client.ConnectionCount));
    }

    [QuicFact]
    public async Task A_keep_alive_holds_an_unused_connection()
    {
        await using var pair = new QuicPair(idle: TimeSpan.FromSeconds(1));
        pair.ClientOptions = pair.ClientOptions with { KeepAlive = TimeSpan.FromMilliseconds(200) };
        var (client, server) = await pair.Connect();
        await Task.Delay(TimeSpan.FromSeconds(2.5));
        var (mine, theirs) = await QuicPair.OpenStream(client, server);
        await Send(mine, [1]);
        Assert.Equal([1], await theirs.Input!.ReadToEnd());
    }

    [QuicFact]
    public Task A_restarted_server_that_kept_its_secret_tells_old_clients_at_once() => Restart(async mine => await mine.Output!.WriteAsync(new byte[2000]));

    [QuicFact]
    public Task A_client_that_waits_for_an_answer_learns_of_a_restart_by_its_own_keep_alive() => Restart(_ => Task.CompletedTask);

    private static async Task Restart(Func<QuicStream, Task> then)
    {
        var secret = RandomNumberGenerator.GetBytes(32);
        await using var first = new QuicPair(secret: secret);
        await using var link = new UdpForwarder(first.Server.LocalEndPoint, new LinkConditions(), seed: 1);
        var (client, server) = await first.Connect(through: link.EndPoint);
        var (mine, _) = await QuicPair.OpenStream(client, server);

        link.IsDown = true; // the goodbye is lost, as after a crash
        await first.Server.DisposeAsync();
        await using var second = new QuicPair(secret: secret);
        link.Rebind(); // what the first still said is lost
        link.Target = second.Server.LocalEndPoint;
        link.IsDown = false;

        await then(mine);
        await Assert.ThrowsAsync<ConnectionResetException>(async () => await mine.Input!.ReadAsync());
        Assert.Contains("no longer knows", client.CloseReason!.Message);
        Assert.Equal(0, second.Server.ConnectionCount);
    }

    private static bool Same(byte[] one, byte[] other) => one.AsSpan().SequenceEqual(other);

    private static async Task RoundTrip(QuicStream mine, QuicStream theirs)
    {
        foreach (var (from, to) in new[] { (mine, theirs), (theirs, mine) })
        {
            await from.Output!.WriteAsync(new byte[] { 1 });
            var read = await to.Input!.ReadAsync();
            Assert.Equal(1, read.Buffer.Length);
            to.Input!.AdvanceTo(read.Buffer.End);
        }
    }

    internal static Task Send(QuicStream stream, byte[] data) => stream.Output!.Send(data);

    internal static async Task Echo(QuicConnection connection)
    {
        var running = new List<Task>();
        try
        {
            while (true)
            {
                var stream = await connection.Incoming.ReadAsync();
                running.Add(Task.Run(async () =>
                {
                    await stream.Input!.CopyToAsync(stream.Output!);
                    stream.Input!.Complete();
                    stream.Output!.Complete();
                }));
            }
        }
        catch (System.Threading.Channels.ChannelClosedException closed)
        {
            await Task.WhenAll(running);
            throw closed.InnerException!;
        }
    }
}
