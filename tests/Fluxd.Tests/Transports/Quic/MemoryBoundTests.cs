using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Fluxd.Core.Files;
using Fluxd.Testing.Quic;
using Fluxd.Transports.Net;
using Fluxd.Transports.Quic;
using Fluxd.Transports.Quic.Engine;
using Fluxd.Transports.Quic.Protocol;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Fluxd.Tests.Transports.Quic;

/// <summary>What peers can make the server hold: those whom nobody knows, and those who don't read.</summary>
public sealed class MemoryBoundTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    /// <summary>What a client could send and has no credit to go on after, is what the server holds: it took nothing.</summary>
    [QuicFact(Timeout = 180_000)]
    public async Task Two_hundred_clients_that_send_frames_and_never_log_in_hold_their_first_windows_and_harm_nobody()
    {
        const int Strangers = 200;
        await using var server = await QuicServerFixture.Start();
        await using var endpoint = QuicPair.NewClient();
        var options = new QuicClientOptions { ServerName = "localhost", Protocol = FluxdProtocol.Alpn, Verify = _ => true };
        var sent = new long[Strangers];
        await Parallel.ForAsync(0, Strangers, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (i, ct) =>
        {
            var stranger = endpoint.Connect(server.EndPoint, options);
            await stranger.Handshake.WaitAsync(ct);
            var streams = await FloodAsync(stranger);
            while (streams.Sum(stream => stream.Output!.Sent) < QuicLimits.UnknownReceiveBytes && stranger.IsAlive)
            {
                await Task.Delay(10, ct);
            }

            sent[i] = streams.Sum(stream => stream.Output!.Sent);
        });

        await using var client = await server.Connect();
        await FluxdProtocolTests.Put(server, "/a", [1, 2, 3]);
        Assert.Equal(3, (await client.StatAsync(FilePath.Parse("/a"), true, None)).Size);
        Assert.All(sent, bytes => Assert.InRange(bytes, 0, QuicLimits.UnknownReceiveBytes));
        Assert.Contains(QuicLimits.UnknownReceiveBytes, sent); // or this showed nothing: who takes too long to log in is cut off
    }

    /// <summary>All the streams that it may open, each with a whole frame that would be read if somebody were known.</summary>
    private static async Task<List<QuicStream>> FloodAsync(QuicConnection stranger)
    {
        var frame = new byte[32 << 10];
        BinaryPrimitives.WriteInt32BigEndian(frame, frame.Length - FluxdProtocol.LengthBytes);
        frame[FluxdProtocol.LengthBytes] = FluxdProtocol.Version;
        frame[FluxdProtocol.KindAt] = (byte)FluxdOperation.AppendRecipe;
        var streams = new List<QuicStream>();
        for (var i = 0; i < QuicLimits.UnknownStreamsMax; i++)
        {
            var stream = await stranger.OpenStreamAsync(bidirectional: true, None);
            await stream.Output!.WriteAsync(frame); // sixteen of them are twice the window
            streams.Add(stream);
        }

        return streams;
    }

    [QuicFact]
    public async Task Whoever_is_known_gets_the_whole_window_and_all_streams()
    {
        await using var pair = new QuicPair(windows: QuicWindows.OfUnknown);
        var (client, server) = await pair.Connect();
        var streams = new List<QuicStream>();
        for (var i = 0; i < QuicLimits.UnknownStreamsMax; i++)
        {
            streams.Add(await client.OpenStreamAsync(bidirectional: true, None));
        }

        var oneMore = client.OpenStreamAsync(bidirectional: true, None);
        var data = RandomNumberGenerator.GetBytes(2 << 20);
        var sending = streams[0].Output!.Send(data);
        while (streams[0].Output!.Sent < QuicLimits.UnknownReceiveBytes)
        {
            await Task.Delay(10);
        }

        Assert.Equal(QuicLimits.UnknownReceiveBytes, streams[0].Output!.Sent);
        Assert.False(oneMore.IsCompleted);

        server.Trust();
        server.Trust();
        await oneMore;
        while (streams[0].Output!.Sent < data.Length) // nobody reads it
        {
            await Task.Delay(10);
        }

        var theirs = await server.Incoming.ReadAsync();
        Assert.Equal(SHA256.HashData(data), SHA256.HashData(await theirs.Input!.ReadToEnd()));
        await sending;
    }

    [QuicFact]
    public async Task Http3_requests_carry_the_means_to_trust_their_connection()
    {
        await using var server = await QuicServerFixture.Start(app => app.Run(http =>
            http.Response.WriteAsync(http.Features.Get<IWaryConnection>() is null ? "no" : "yes")));
        await using var endpoint = QuicPair.NewClient();
        var options = new QuicClientOptions { ServerName = "localhost", Protocol = PlainHttp3.Protocol, Verify = _ => true };
        var client = endpoint.Connect(server.EndPoint, options);
        await client.Handshake;
        Assert.Equal("yes", Encoding.UTF8.GetString(await PlainHttp3.Get(client, "localhost")));
    }

    [QuicFact(Timeout = 180_000)]
    public async Task Those_who_read_nothing_hold_no_more_than_all_may_together_and_others_are_served()
    {
        const int Strangers = 30;
        const long Budget = 8 << 20;
        await using var pair = new QuicPair(sendBytesMax: Budget);
        var writing = new List<Task>();
        for (var i = 0; i < Strangers; i++)
        {
            var (client, server) = await pair.Connect();
            var (_, theirs) = await QuicPair.OpenStream(client, server);
            writing.Add(theirs.Output!.Send(new byte[12 << 20])); // more than the reader's window takes
        }

        while (pair.Server.UnacknowledgedBytes < Budget)
        {
            await Task.Delay(10);
        }

        var (reader, sender) = await pair.Connect();
        var (mine, source) = await QuicPair.OpenStream(reader, sender);
        var data = RandomNumberGenerator.GetBytes(6_000_000);
        var sending = source.Output!.Send(data);
        Assert.Equal(SHA256.HashData(data), SHA256.HashData(await mine.Input!.ReadToEnd()));
        await sending;
        Assert.All(writing, task => Assert.False(task.IsCompleted));
        Assert.InRange(pair.Server.UnacknowledgedBytes, Budget, Budget + (Strangers * (QuicLimits.StreamSendBytesMin + PooledBlock.Size)));
    }
}
