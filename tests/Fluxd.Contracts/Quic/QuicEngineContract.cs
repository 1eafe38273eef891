using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Text;
using System.Threading.Channels;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Testing.Quic;
using Fluxd.Transports.Quic.Engine;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Xunit;

namespace Fluxd.Contracts.Quic;

/// <summary>
/// What Kestrel's HTTP/3 and fluxd/1 take for granted of an engine behind ASP.NET's multiplexed connections, and then
/// both of them on it. The peer is always our own client.
/// </summary>
public abstract class QuicEngineContract : IAsyncLifetime
{
    private const string First = "test/1";
    private const string Second = "test/2";

    private static readonly CancellationToken None = CancellationToken.None;

    private readonly QuicEndpoint _clients = QuicPair.NewClient();
    private IMultiplexedConnectionListenerFactory _factory = null!;
    private IMultiplexedConnectionListener _listener = null!;

    protected TestCertificate Certificate { get; } = new();

    /// <summary>Where the listeners of a test are bound.</summary>
    protected abstract IPEndPoint EndPoint { get; }

    /// <summary>The name of the engine in the configuration.</summary>
    protected abstract string Engine { get; }

    protected abstract IMultiplexedConnectionListenerFactory Open();

    public async Task InitializeAsync()
    {
        _factory = Open();
        _listener = await ListenAsync(First);
    }

    public virtual async Task DisposeAsync()
    {
        await _clients.DisposeAsync();
        await _listener.DisposeAsync();
    }

    [EngineFact]
    public async Task Bytes_arrive_whole_in_both_directions_up_to_the_end()
    {
        var (client, server) = await ConnectAsync();
        var (up, down) = (RandomNumberGenerator.GetBytes(9_000_001), RandomNumberGenerator.GetBytes(7_000_001));
        var mine = await client.OpenStreamAsync(bidirectional: true, None);
        var sending = mine.Output!.Send(up);
        var theirs = (await server.AcceptAsync())!;
        var answering = theirs.Transport.Output.Send(down);
        var got = mine.Input!.ReadToEnd();
        Assert.Equal(up, await theirs.Transport.Input.ReadToEnd());
        Assert.Equal(down, await got);
        await Task.WhenAll(sending, answering);
        await theirs.DisposeAsync();
    }

    [EngineFact]
    public async Task A_stream_of_the_client_says_its_number_and_its_directions()
    {
        var (client, server) = await ConnectAsync();
        foreach (var (isBidirectional, number) in new[] { (true, 0), (false, 2), (true, 4) })
        {
            var mine = await client.OpenStreamAsync(isBidirectional, None);
            await mine.Output!.WriteAsync(new byte[] { 1 });
            var theirs = (await server.AcceptAsync())!;
            var direction = theirs.Features.Get<IStreamDirectionFeature>()!;
            Assert.Equal((number, true, isBidirectional), (theirs.Features.Get<IStreamIdFeature>()!.StreamId, direction.CanRead, direction.CanWrite));
        }
    }

    [EngineFact]
    public async Task The_server_opens_streams_of_its_own()
    {
        var (client, server) = await ConnectAsync();
        var oneWay = new FeatureCollection();
        oneWay.Set<IStreamDirectionFeature>(new OneWay());
        foreach (var (features, number) in new[] { (oneWay, 3), (null, 1) })
        {
            var theirs = await server.ConnectAsync(features);
            await theirs.Transport.Output.WriteAsync(new byte[] { 5, 6, 7 });
            await theirs.Transport.Output.CompleteAsync();
            Assert.Equal(number, theirs.Features.Get<IStreamIdFeature>()!.StreamId);
            var mine = await client.Incoming.ReadAsync();
            Assert.Equal([5, 6, 7], await mine.Input!.ReadToEnd());
            Assert.Equal(features is null, mine.Output is not null);
        }
    }

    [EngineFact]
    public async Task A_reset_stream_tells_its_code_and_the_connection_goes_on()
    {
        var (client, server) = await ConnectAsync();
        var (mine, theirs) = await OpenStreamAsync(client, server);
        mine.AbortWrite(0x123);
        await Assert.ThrowsAsync<ConnectionResetException>(() => theirs.Transport.Input.ReadToEnd());
        Assert.Equal(0x123, theirs.Features.Get<IProtocolErrorCodeFeature>()!.Error);

        var (next, other) = await OpenStreamAsync(client, server);
        await next.Output!.Send([1, 2, 3]);
        Assert.Equal([1, 2, 3], await other.Transport.Input.ReadToEnd());
    }

    [EngineFact]
    public async Task A_writer_waits_while_nobody_reads_until_the_reader_says_that_it_wants_no_more()
    {
        var (client, server) = await ConnectAsync();
        var (mine, theirs) = await OpenStreamAsync(client, server);
        var (ping, pong) = await OpenStreamAsync(client, server);
        var written = 0L;
        var writing = Task.Run(async () =>
        {
            while (!(await theirs.Transport.Output.WriteAsync(new byte[16384])).IsCompleted)
            {
                Interlocked.Add(ref written, 16384);
            }
        });

        // It waits once what it wrote stays the same while another stream of the connection has round trips.
        for (var (still, before) = (0, 0L); still < 10; before = Interlocked.Read(ref written))
        {
            await ping.Output!.WriteAsync(new byte[] { 1 });
            pong.Transport.Input.AdvanceTo((await pong.Transport.Input.ReadAsync()).Buffer.End);
            await pong.Transport.Output.WriteAsync(new byte[] { 1 });
            ping.Input!.AdvanceTo((await ping.Input!.ReadAsync()).Buffer.End);
            still = before > 0 && Interlocked.Read(ref written) == before ? still + 1 : 0;
        }

        Assert.InRange(Interlocked.Read(ref written), 1, 32 << 20);
        Assert.False(writing.IsCompleted);
        mine.AbortRead(5);
        await writing;
        await mine.Output!.CompleteAsync();
        await ClosedAsync(theirs);
        Assert.Equal(5, theirs.Features.Get<IProtocolErrorCodeFeature>()!.Error);
    }

    [EngineFact]
    public async Task The_server_ends_each_direction_of_a_stream_with_a_code()
    {
        var (client, server) = await ConnectAsync();
        var (reader, written) = await OpenStreamAsync(client, server);
        written.Features.Get<IStreamAbortFeature>()!.AbortWrite(0x21, new ConnectionAbortedException());
        await Assert.ThrowsAsync<ConnectionResetException>(() => reader.Input!.ReadToEnd());
        Assert.Equal(0x21, reader.ReadError);

        var (writer, read) = await OpenStreamAsync(client, server);
        await read.Transport.Output.CompleteAsync();
        read.Features.Get<IStreamAbortFeature>()!.AbortRead(0x22, new ConnectionAbortedException());
        while (!(await writer.Output!.WriteAsync(new byte[16384])).IsCompleted)
        {
            // It is told by and by.
        }

        await writer.Closed;
        Assert.Equal(0x22, writer.WriteError);
    }

    [EngineFact]
    public async Task What_was_written_arrives_though_the_connection_is_closed_next()
    {
        var (client, server) = await ConnectAsync();
        var (mine, theirs) = await OpenStreamAsync(client, server);
        await mine.Output!.CompleteAsync();
        var data = RandomNumberGenerator.GetBytes(3_000_000);
        var got = mine.Input!.ReadToEnd();
        await theirs.Transport.Input.ReadToEnd();
        await theirs.Transport.Output.Send(data);
        await theirs.DisposeAsync();
        await server.DisposeAsync();
        Assert.Equal(data, await got);
    }

    [EngineFact]
    public async Task The_code_that_the_client_closed_with_is_told()
    {
        var (client, server) = await ConnectAsync();
        var waiting = server.AcceptAsync().AsTask();
        client.Close(0x77);
        await Assert.ThrowsAsync<ConnectionResetException>(() => waiting);
        Assert.Equal(0x77, server.Features.Get<IProtocolErrorCodeFeature>()!.Error);
    }

    [EngineFact]
    public async Task The_code_that_the_server_closes_with_is_told()
    {
        var (client, server) = await ConnectAsync();
        server.Features.Get<IProtocolErrorCodeFeature>()!.Error = 0x78;
        server.Abort(new ConnectionAbortedException("enough"));
        await Assert.ThrowsAsync<ChannelClosedException>(async () => await client.Incoming.ReadAsync());
        Assert.Equal(0x78, client.PeerCloseCode);
    }

    [EngineFact]
    public async Task Waiting_for_a_stream_can_be_given_up_and_taken_up_again()
    {
        var (client, server) = await ConnectAsync();
        using var patience = new CancellationTokenSource();
        var waiting = server.AcceptAsync(patience.Token).AsTask();
        await patience.CancelAsync();
        Assert.Null(await waiting);
        await OpenStreamAsync(client, server);
    }

    [EngineFact]
    public async Task Protocols_share_a_port_and_each_listener_has_the_clients_of_its_own()
    {
        await using var other = await ListenAsync(Second);
        var second = _clients.Connect(EndPoint, Options(Second));
        await using var seconds = await other.AcceptAsync();
        var (client, server) = await ConnectAsync();
        await OpenStreamAsync(client, server);
        await OpenStreamAsync(second, seconds!);
        await Assert.ThrowsAnyAsync<Exception>(() => _clients.Connect(EndPoint, Options("nobody/9")).Handshake);
    }

    [EngineFact]
    public async Task A_listener_that_is_unbound_ends_its_wait_and_leaves_its_connections_alone()
    {
        var (client, server) = await ConnectAsync();
        var waiting = _listener.AcceptAsync().AsTask();
        await _listener.UnbindAsync();
        Assert.Null(await waiting);
        await OpenStreamAsync(client, server);
    }

    [EngineFact]
    public async Task HTTP_3_is_served_on_it()
    {
        var body = RandomNumberGenerator.GetBytes(2_000_000);
        await using var house = await QuicServerFixture.Start(
            app => app.Run(context => context.Response.Body.WriteAsync(body).AsTask()), new IPEndPoint(IPAddress.Loopback, QuicPair.FreePort()), engine: Engine);
        var client = _clients.Connect(house.EndPoint, Options(PlainHttp3.Protocol));
        await client.Handshake;
        Assert.Equal(body, await PlainHttp3.Get(client, "localhost"));
    }

    [EngineFact]
    public async Task Fluxd_1_is_served_on_it_beside_HTTP_3()
    {
        await using var house = await QuicServerFixture.Start(
            app => app.Run(context => context.Response.WriteAsync("here")), new IPEndPoint(IPAddress.Loopback, QuicPair.FreePort()), engine: Engine);
        await using var client = await house.Connect();
        var data = RandomNumberGenerator.GetBytes(2_000_000);
        var upload = await client.OpenUploadAsync(new UploadRequest { Target = FilePath.Parse("/a.bin"), Size = data.Length }, None);
        await client.AppendAsync(upload.Id, 0, new MemoryStream(data), None);
        await client.CommitAsync(upload.Id, None);
        await using var content = await client.GetAsync(FilePath.Parse("/a.bin"), 0, -1, default, None);
        Assert.Equal(data, await content.Body.ReadToEnd());

        var page = _clients.Connect(house.EndPoint, Options(PlainHttp3.Protocol));
        await page.Handshake;
        Assert.Equal("here", Encoding.ASCII.GetString(await PlainHttp3.Get(page, "localhost")));
    }

    private ValueTask<IMultiplexedConnectionListener> ListenAsync(string protocol)
    {
        var features = new FeatureCollection();
        features.Set(new TlsConnectionCallbackOptions
        {
            ApplicationProtocols = [new SslApplicationProtocol(protocol)],
            OnConnection = (_, _) => ValueTask.FromResult(new SslServerAuthenticationOptions
            {
                ServerCertificate = Certificate.Current,
                ApplicationProtocols = [new SslApplicationProtocol(protocol)],
            }),
        });
        return _factory.BindAsync(EndPoint, features);
    }

    private static QuicClientOptions Options(string protocol) => new() { ServerName = "localhost", Protocol = protocol, Verify = _ => true };

    private async Task<(QuicConnection Client, MultiplexedConnectionContext Server)> ConnectAsync()
    {
        var client = _clients.Connect(EndPoint, Options(First));
        await client.Handshake;
        Assert.Equal(First, client.Protocol);
        var server = (await _listener.AcceptAsync())!;
        Assert.NotNull(server.Features.Get<ITlsConnectionFeature>()); // or Kestrel takes the scheme for http
        return (client, server);
    }

    /// <summary>A stream with one byte sent and read, since it exists for the peer only then.</summary>
    private static async Task<(QuicStream Client, ConnectionContext Server)> OpenStreamAsync(QuicConnection client, MultiplexedConnectionContext server)
    {
        var mine = await client.OpenStreamAsync(bidirectional: true, None);
        await mine.Output!.WriteAsync(new byte[] { 1 });
        var theirs = (await server.AcceptAsync())!;
        theirs.Transport.Input.AdvanceTo((await theirs.Transport.Input.ReadAsync()).Buffer.End);
        return (mine, theirs);
    }

    private static Task ClosedAsync(ConnectionContext stream)
    {
        var closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        stream.ConnectionClosed.Register(closed.SetResult);
        return closed.Task;
    }

    private sealed class OneWay : IStreamDirectionFeature
    {
        public bool CanRead => false;

        public bool CanWrite => true;
    }
}
