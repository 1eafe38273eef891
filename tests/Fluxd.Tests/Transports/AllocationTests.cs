using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using Fluxd.Core.Chunking;
using Fluxd.Store.Packs;
using Fluxd.Testing;
using Fluxd.Tests.Transports.Sftp;
using Fluxd.Tests.Transports.Ssh;
using Fluxd.Transports.Http;
using Xunit;

namespace Fluxd.Tests.Transports;

[CollectionDefinition("Alone", DisableParallelization = true)]
[System.Diagnostics.CodeAnalysis.SuppressMessage("Naming", "CA1711:Identifiers should not have incorrect suffix", Justification = "xunit's word.")]
public sealed class AloneCollection;

/// <summary>
/// In the steady state a packet, piece or chunk allocates nothing: in SFTP, SSH, HTTP and the chunker (QUIC has its own test). Measured over the whole process, so other work in
/// it could only add: the best of some rounds counts, and the bar is below the smallest thing that a packet could allocate
/// each time (24 bytes).
/// </summary>
[Collection("Alone")]
public sealed class AllocationTests
{
    private const int TimeoutMs = 120_000;
    private const int Packets = 2000;
    private const int Rounds = 60; // the first ones run in code that is not optimised yet
    private const int DataBytes = 32 * 1024;
    private const double BytesPerPacketMax = 20;

    [Fact(Timeout = TimeoutMs)]
    public async Task A_read_allocates_nothing()
    {
        await using var fixture = await SftpFixture.Start();
        await fixture.Client.PutAsync("/file", new byte[DataBytes]);
        var handle = await fixture.Client.OpenAsync("/file", 1);
        var request = Packet(SftpTestClient.Read, 7u, handle, 0ul, (uint)DataBytes);

        await AssertNothing(() => ExchangeAsync(fixture.Pipe, request, answerBytes: 4 + 1 + 4 + 4 + DataBytes, Packets));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_write_allocates_nothing()
    {
        await using var fixture = await SftpFixture.Start();
        var handle = await fixture.Client.OpenAsync("/file", 0x1A);
        var request = Packet(SftpTestClient.Write, 7u, handle, 0ul, new byte[DataBytes]);
        await fixture.Pipe.Output.WriteAsync(request);
        var first = await fixture.Pipe.Input.ReadAsync();
        var answer = (int)first.Buffer.Length;
        fixture.Pipe.Input.AdvanceTo(first.Buffer.End);

        await AssertNothing(() => ExchangeAsync(fixture.Pipe, request, answer, Packets));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_packet_of_SSH_allocates_nothing_there_and_back()
    {
        await using var client = new SshTestClient(o => o with { RekeyBytes = long.MaxValue });
        await client.LogInAsync();
        await client.OpenEchoAsync(window: uint.MaxValue);

        await AssertNothing(() => client.EchoAsync(new byte[DataBytes - 1024], Packets));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_piece_of_a_download_over_HTTP_allocates_nothing()
    {
        const int Pieces = 160;
        await using var server = new HttpServer();
        await server.StartAsync();
        using var client = server.Client();
        foreach (var pieces in (int[])[Pieces / 4, Pieces])
        {
            using var put = await client.PutAsync($"/v1/files/{pieces}", new ByteArrayContent(new byte[pieces * HttpLimits.ReadBufferBytes]));
            put.EnsureSuccessStatusCode();
        }

        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(server.Address.Host, server.Address.Port);
        var buffer = new byte[1 << 18];

        // A request has its price, large or small: what is left of it in the difference is the pieces'.
        await AssertNothing(Pieces - (Pieces / 4), () => FetchAsync(socket, buffer, $"/{Pieces / 4}", Pieces / 4L * HttpLimits.ReadBufferBytes), () => FetchAsync(socket, buffer, $"/{Pieces}", (long)Pieces * HttpLimits.ReadBufferBytes));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_piece_of_an_upload_over_HTTP_allocates_nothing()
    {
        const int Pieces = 4000;
        const int PieceBytes = 4096; // what Kestrel hands on at once
        await using var server = new HttpServer();
        server.Uploads = DroppedUploads.Make(server.Uploads);
        await server.StartAsync();
        using var client = server.Client();
        using var created = await client.PostAsJsonAsync("/v1/uploads", new { path = "/up", size = Pieces * PieceBytes });
        var href = created.EnsureSuccessStatusCode().Headers.Location!.OriginalString;

        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(server.Address.Host, server.Address.Port);
        var body = new byte[Pieces * PieceBytes];
        await AssertNothing(Pieces - (Pieces / 4), () => SendAsync(socket, href, body.AsMemory(0, body.Length / 4)), () => SendAsync(socket, href, body));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Cutting_hashing_and_checking_a_chunk_allocates_nothing(bool isMedia)
    {
        var chunker = isMedia ? Chunker.Media : Chunker.Fine;
        var bytes = new byte[16 << 20];
        new Random(1).NextBytes(bytes);
        var (best, sum) = (long.MaxValue, 0u);
        for (var round = 0; round < Rounds && best > 0; round++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var at = 0; at < bytes.Length;)
            {
                var length = chunker.Cut(bytes.AsSpan(at));
                sum += Crc32C.Of(bytes.AsSpan(at, length)) ^ (uint)ChunkHash.Of(bytes.AsSpan(at, length)).GetHashCode();
                at += length;
            }

            best = Math.Min(best, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.NotEqual(0u, sum);
        Assert.Equal(0, best);
    }

    private static Task AssertNothing(Func<Task> exchange) => AssertNothing(Packets, () => Task.CompletedTask, exchange);

    /// <summary>What <paramref name="exchange"/> allocates beyond <paramref name="without"/>, for each of so many.</summary>
    private static async Task AssertNothing(int count, Func<Task> without, Func<Task> exchange)
    {
        var best = double.MaxValue;
        for (var round = 0; round < Rounds && best > BytesPerPacketMax; round++)
        {
            best = Math.Min(best, (-await AllocatedAsync(without) + await AllocatedAsync(exchange)) / (double)count);
        }

        Assert.True(best < BytesPerPacketMax, $"{best:0.0} bytes each");
    }

    internal static async Task<long> AllocatedAsync(Func<Task> work)
    {
        var before = GC.GetTotalAllocatedBytes(precise: true);
        await work();
        return GC.GetTotalAllocatedBytes(precise: true) - before;
    }

    internal static async Task FetchAsync(Socket socket, byte[] buffer, string path, long bytes)
    {
        await socket.SendAsync(Encoding.ASCII.GetBytes($"GET /v1/files{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {HttpServer.Token}\r\n\r\n"));
        var left = bytes;
        for (var isHead = true; left > 0; isHead = false)
        {
            var count = await socket.ReceiveAsync(buffer.AsMemory());
            if (count == 0)
            {
                Assert.Fail("the server ended the connection"); // no Assert.NotEqual for each piece: it allocates
            }

            // The head comes in one piece: the server writes it with the first bytes of the body.
            left -= isHead ? count - buffer.AsSpan(0, count).IndexOf("\r\n\r\n"u8) - 4 : count;
        }
    }

    private static async Task SendAsync(Socket socket, string href, ReadOnlyMemory<byte> body)
    {
        await socket.SendAsync(Encoding.ASCII.GetBytes(
            $"PATCH {href} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {HttpServer.Token}\r\nUpload-Offset: 0\r\nContent-Length: {body.Length}\r\n\r\n"));
        while (!body.IsEmpty)
        {
            body = body[await socket.SendAsync(body)..];
        }

        var answer = new byte[4096];
        var count = await socket.ReceiveAsync(answer);
        Assert.StartsWith("HTTP/1.1 204 ", Encoding.ASCII.GetString(answer, 0, count), StringComparison.Ordinal);
    }

    internal static byte[] Packet(byte type, params object[] parts)
    {
        var body = SftpBytes.Body(parts);
        var packet = new byte[5 + body.Length];
        BinaryPrimitives.WriteInt32BigEndian(packet, 1 + body.Length);
        packet[4] = type;
        body.CopyTo(packet, 5);
        return packet;
    }

    /// <summary>One request at a time, all answers of one length. One method, so that the client's own state is made once.</summary>
    /// <param name="next">Makes the next request of the same bytes.</param>
    internal static async Task ExchangeAsync(IDuplexPipe pipe, byte[] request, int answerBytes, int count, Action<byte[], int>? next = null)
    {
        for (var i = 0; i < count; i++)
        {
            next?.Invoke(request, i);
            await pipe.Output.WriteAsync(request);
            for (var left = answerBytes; left > 0;)
            {
                var read = await pipe.Input.ReadAsync();
                left -= (int)read.Buffer.Length;
                pipe.Input.AdvanceTo(read.Buffer.End);
                Assert.False(read.IsCompleted);
            }
        }
    }
}
