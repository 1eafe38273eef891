using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Threading.Channels;
using Fluxd.Transports.Quic;
using Fluxd.Transports.Quic.Engine;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fluxd.Testing.Quic;

/// <summary>A server and a client endpoint on loopback; the server hands out what it accepted.</summary>
internal sealed class QuicPair : IAsyncDisposable
{
    private readonly Channel<QuicConnection> _accepted = Channel.CreateUnbounded<QuicConnection>();

    public QuicPair(
        AdmissionLimits? limits = null, bool portable = false, ReadOnlyMemory<byte> secret = default, IPEndPoint? listenOn = null, TimeSpan? idle = null, ILogger? log = null,
        QuicWindows? windows = null, long sendBytesMax = QuicLimits.EndpointSendBytesMax, TimeSpan? callingTime = null)
    {
        var options = new QuicServerOptions
        {
            Certificate = () => new TlsCertificate(Certificate.Current, []),
            Protocols = () => Protocols,
            Accepted = connection => _accepted.Writer.TryWrite(connection),
            Limits = limits ?? new AdmissionLimits(),
            Secret = secret,
            Windows = windows ?? QuicWindows.Whole,
            SendBytesMax = sendBytesMax,
            CallingTime = callingTime ?? QuicLimits.CallingTime,
            IdleTimeout = idle ?? TimeSpan.FromSeconds(30),
        };
        Server = new QuicEndpoint(UdpSockets.Open(listenOn ?? new IPEndPoint(IPAddress.Loopback, 0), isServer: true, portable), options, log ?? NullLogger.Instance);
        Client = NewClient(portable);
        ClientOptions = new QuicClientOptions { ServerName = "localhost", Protocol = "test/1", Verify = Trusts, IdleTimeout = idle ?? TimeSpan.FromSeconds(30) };
    }

    public TestCertificate Certificate { get; } = new();

    public IReadOnlyList<string> Protocols { get; set; } = ["test/1"];

    public QuicEndpoint Server { get; private set; }

    public QuicEndpoint Client { get; }

    public QuicClientOptions ClientOptions { get; set; }

    public static QuicEndpoint NewClient(bool portable = false) =>
        new(UdpSockets.Open(new IPEndPoint(IPAddress.Loopback, 0), isServer: false, portable), server: null, NullLogger.Instance);

    /// <summary>A UDP port that nobody has just now, for a server that has to be told one.</summary>
    public static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    public bool Trusts(IReadOnlyList<X509Certificate2> certificates) =>
        certificates[0].RawDataMemory.Span.SequenceEqual(Certificate.Current.RawDataMemory.Span);

    public ValueTask<QuicConnection> Accept(CancellationToken ct = default) => _accepted.Reader.ReadAsync(ct);

    public async Task<(QuicConnection Client, QuicConnection Server)> Connect(IPEndPoint? through = null)
    {
        var client = Client.Connect(through ?? Server.LocalEndPoint, ClientOptions);
        await client.Handshake;
        return (client, await Accept());
    }

    public static async Task<(QuicStream Client, QuicStream Server)> OpenStream(QuicConnection client, QuicConnection server)
    {
        var mine = await client.OpenStreamAsync(bidirectional: true, CancellationToken.None);
        await mine.Output!.WriteAsync(new byte[] { 1 }); // a stream exists for the peer once something was sent on it
        var theirs = await server.Incoming.ReadAsync();
        var first = await theirs.Input!.ReadAsync();
        theirs.Input.AdvanceTo(first.Buffer.End);
        return (mine, theirs);
    }

    public async ValueTask DisposeAsync()
    {
        await Client.DisposeAsync();
        await Server.DisposeAsync();
    }
}

internal static class PipeExtensions
{
    /// <summary>All of it, as fast as the peer takes it, and the end; stops early when the peer wants no more.</summary>
    public static async Task Send(this PipeWriter writer, byte[] data)
    {
        for (var sent = 0; sent < data.Length;)
        {
            var memory = writer.GetMemory();
            var count = Math.Min(memory.Length, data.Length - sent);
            data.AsMemory(sent, count).CopyTo(memory);
            writer.Advance(count);
            sent += count;
            if ((await writer.FlushAsync()).IsCompleted)
            {
                break;
            }
        }

        await writer.CompleteAsync();
    }

    /// <summary>Everything up to the end, hashed nowhere, counted and compared by the caller.</summary>
    public static async Task<byte[]> ReadToEnd(this PipeReader reader)
    {
        var all = new ArrayBufferWriter<byte>();
        while (true)
        {
            var read = await reader.ReadAsync();
            foreach (var segment in read.Buffer)
            {
                all.Write(segment.Span);
            }

            reader.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
            {
                return all.WrittenMemory.ToArray();
            }
        }
    }
}
