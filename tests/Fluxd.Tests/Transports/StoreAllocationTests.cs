using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Text;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Testing;
using Fluxd.Testing.Quic;
using Fluxd.Testing.Store;
using Fluxd.Tests.Transports.Sftp;
using Fluxd.Transports.Http;
using Fluxd.Transports.Quic.Engine;
using Xunit;
using Xunit.Abstractions;

namespace Fluxd.Tests.Transports;

/// <summary>
/// What a chunk of a large file allocates on its whole way, over the real store: catalogue, packs and all, and the client's
/// side too where it is in this process. Counted are all bytes that one transfer allocates, its request included, divided by
/// the file's chunks of some 74 KiB; the best of some rounds counts, since other work in the process could only add. The bars
/// allow the small objects that a chunk is known to cost. Nothing that comes with each packet fits under them.
/// </summary>
[Collection("Alone")]
public sealed class StoreAllocationTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const int TimeoutMs = 180_000;
    private const int Rounds = 40; // the first ones run in code that is not optimised yet, the fast ones for many rounds, and fill pools
    private const int FileBytes = 96 << 20;
    private const int PacketBytes = 32 << 10;
    private const string Name = "/file";

    /// <summary>The pack's reader, 40 bytes; and one chunk in four is cut by the end of a piece. A piece of 256 KiB that allocated 64 would add 18.</summary>
    private const double WholeChunkMax = 80;

    /// <summary>Beside the pack's reader its place in the cache, 100 bytes. A packet of 32 KiB that allocated 24 would add 54.</summary>
    private const double CutChunkMax = 160;

    /// <summary>Beside the pack's reader what Kestrel's flush allocates when it has to wait for the socket, 450 bytes for a piece of at most 256 KiB.</summary>
    private const double HttpChunkMax = 450;

    /// <summary>As a whole chunk, and now and then a block of 32 KiB where more is under way than ever before. A datagram that allocated 24 would add 1,400.</summary>
    private const double QuicChunkMax = 200;

    /// <summary>Its rows in the extent, the group's log record and the newest hashes, and its share of both ends of the file, some 850 bytes. A packet of 32 KiB that allocated 120 would add 275, a read of 4 KiB over HTTP that allocated 24 would add 430.</summary>
    private const double StoredChunkMax = 1100;

    /// <summary>As a stored chunk, and now and then a block of 32 KiB where more is under way than ever before. A datagram that allocated 24 would add 1,400.</summary>
    private const double UploadedChunkMax = 1300;

    private readonly TestTrees _trees = new();
    private int _chunks;

    public async Task InitializeAsync()
    {
        var bytes = new byte[FileBytes];
        new Random(1).NextBytes(bytes);
        await using (var file = await OpenAsync(OpenAccess.Write))
        {
            await file.WriteAsync(0, bytes, CancellationToken.None);
            await file.CloseAsync(CancellationToken.None);
        }

        await using var written = await OpenAsync(OpenAccess.Read);
        for (long at = 0, end = 0; at < FileBytes; at = end)
        {
            foreach (var chunk in await written.ChunksAsync(at, CancellationToken.None))
            {
                end = Math.Max(end, at) + chunk.Length;
                _chunks++;
            }
        }
    }

    public Task DisposeAsync() => _trees.DisposeAsync().AsTask();

    [Theory(Timeout = TimeoutMs)]
    [InlineData(8 * PacketBytes, WholeChunkMax)]
    [InlineData(PacketBytes, CutChunkMax)]
    public async Task A_chunk_that_is_read_from_the_store_allocates_next_to_nothing(int pieceBytes, double most)
    {
        var buffer = new byte[pieceBytes];
        await AssertPerChunk(most, async () =>
        {
            await using var file = await OpenAsync(OpenAccess.Read);
            for (var at = 0L; at < FileBytes;)
            {
                at += await file.ReadAsync(at, buffer, CancellationToken.None);
            }
        });
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_chunk_that_is_read_by_SFTP_allocates_next_to_nothing()
    {
        await using var fixture = await SftpFixture.Start(_trees.Files);
        var handle = await fixture.Client.OpenAsync(Name, 1);
        var request = AllocationTests.Packet(SftpTestClient.Read, 7u, handle, 0ul, (uint)PacketBytes);

        await AssertPerChunk(CutChunkMax, () => AllocationTests.ExchangeAsync(
            fixture.Pipe, request, answerBytes: 4 + 1 + 4 + 4 + PacketBytes, FileBytes / PacketBytes, static (packet, i) => SetOffset(packet.AsSpan(^12..), i)));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_chunk_that_is_fetched_over_HTTP_allocates_next_to_nothing()
    {
        await using var server = new HttpServer { Files = _trees.Files };
        await server.StartAsync();
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(server.Address.Host, server.Address.Port);
        var buffer = new byte[1 << 18];

        await AssertPerChunk(HttpChunkMax, () => AllocationTests.FetchAsync(socket, buffer, Name, FileBytes));
    }

    [QuicFact(Timeout = TimeoutMs)]
    public async Task A_chunk_that_is_fetched_over_HTTP_3_allocates_next_to_nothing()
    {
        await using var http = new HttpServer { Files = _trees.Files };
        await http.StartAsync();
        await using var server = await QuicServerFixture.Start(app => app.UseFluxdHttp(http.Api));
        await using var endpoint = QuicPair.NewClient();
        var connection = endpoint.Connect(server.EndPoint, new QuicClientOptions { ServerName = "localhost", Protocol = PlainHttp3.Protocol, Verify = _ => true });
        await connection.Handshake;
        await PlainHttp3.Begin(connection);

        await AssertPerChunk(QuicChunkMax, async () =>
        {
            var answer = await PlainHttp3.Ask(connection, "localhost", "/v1/files" + Name, "Bearer " + HttpServer.Token);
            Assert.InRange(await DropAsync(answer), FileBytes, FileBytes + (FileBytes / 100)); // with frames and head
        });
    }

    [QuicFact(Timeout = TimeoutMs)]
    public async Task A_chunk_that_is_fetched_over_fluxd_1_allocates_next_to_nothing()
    {
        await using var server = await QuicServerFixture.Start(files: _trees.Files);
        await using var client = await server.Connect();

        await AssertPerChunk(QuicChunkMax, async () =>
        {
            await using var got = await client.GetAsync(FilePath.Parse(Name), 0, -1, default, CancellationToken.None);
            Assert.Equal(FileBytes, await DropAsync(got.Body));
        });
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_chunk_that_is_written_by_SFTP_allocates_little()
    {
        await using var fixture = await SftpFixture.Start(_trees.Files);
        var random = new Random(5);
        var files = 0;

        await AssertPerChunk(StoredChunkMax, async () =>
        {
            var handle = await fixture.Client.OpenAsync($"/sftp-{files++}", 0x1A);
            var request = AllocationTests.Packet(SftpTestClient.Write, 7u, handle, 0ul, new byte[PacketBytes]);
            await AllocationTests.ExchangeAsync(fixture.Pipe, request, answerBytes: 4 + 1 + 4 + 4 + 4 + 4, FileBytes / PacketBytes, (packet, i) =>
            {
                random.NextBytes(packet.AsSpan(^PacketBytes..));
                SetOffset(packet.AsSpan(^(PacketBytes + 12)..), i);
            });
            Assert.Equal(0u, await fixture.Client.CloseAsync(handle));
        });
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_chunk_of_an_upload_allocates_little_in_the_store()
    {
        var random = new Random(6);
        var piece = new byte[64 << 10];
        var uploads = 0;

        await AssertPerChunk(StoredChunkMax, async () =>
        {
            var upload = await _trees.Uploads.CreateAsync(People.Anna, Request($"/upload-{uploads++}"), CancellationToken.None);
            await using (var writer = await _trees.Uploads.OpenAsync(People.Anna, upload.Id, CancellationToken.None))
            {
                for (var at = 0; at < FileBytes; at += piece.Length)
                {
                    random.NextBytes(piece); // new each time, or its chunks would be known
                    await writer.WriteAsync(piece, CancellationToken.None);
                }

                await writer.FlushAsync(CancellationToken.None);
            }

            await _trees.Uploads.CompleteAsync(People.Anna, upload.Id, CancellationToken.None);
        });
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_chunk_that_is_put_over_HTTP_allocates_little()
    {
        await using var server = new HttpServer { Files = _trees.Files, Uploads = _trees.Uploads };
        await server.StartAsync();
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(server.Address.Host, server.Address.Port);
        var body = new NewBytes();
        var files = 0;

        await AssertPerChunk(StoredChunkMax, async () =>
        {
            var name = $"/put-{files++}";
            await SendAsync(socket, $"PUT /v1/files{name}", "", body.Of(FileBytes), "201");
            await AssertWholeAsync(name);
        });
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_chunk_of_a_resumable_upload_over_HTTP_allocates_little()
    {
        const int Parts = 4;
        await using var server = new HttpServer { Files = _trees.Files, Uploads = _trees.Uploads };
        await server.StartAsync();
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(server.Address.Host, server.Address.Port);
        var body = new NewBytes();
        var files = 0;

        await AssertPerChunk(StoredChunkMax, async () =>
        {
            var upload = await _trees.Uploads.CreateAsync(People.Anna, Request($"/patch-{files++}"), CancellationToken.None);
            for (var part = 0; part < Parts; part++)
            {
                await SendAsync(socket, $"PATCH /v1/uploads/{upload.Id}", $"Upload-Offset: {part * FileBytes / Parts}\r\n", body.Of(FileBytes / Parts), "204");
            }

            await SendAsync(socket, $"POST /v1/uploads/{upload.Id}/complete", "", body.Of(0), "200");
        });
    }

    [QuicFact(Timeout = TimeoutMs)]
    public async Task A_chunk_that_is_put_over_HTTP_3_allocates_little()
    {
        await using var http = new HttpServer { Files = _trees.Files, Uploads = _trees.Uploads };
        await http.StartAsync();
        await using var server = await QuicServerFixture.Start(app => app.UseFluxdHttp(http.Api));
        await using var endpoint = QuicPair.NewClient();
        var connection = endpoint.Connect(server.EndPoint, new QuicClientOptions { ServerName = "localhost", Protocol = PlainHttp3.Protocol, Verify = _ => true });
        await connection.Handshake;
        await PlainHttp3.Begin(connection);
        var body = new NewBytes();
        var head = PlainHttp3.DataHead(PacketBytes);
        var files = 0;

        await AssertPerChunk(UploadedChunkMax, async () =>
        {
            var name = $"/h3-{files++}";
            var put = await PlainHttp3.BeginPut(connection, "localhost", "/v1/files" + name, "Bearer " + HttpServer.Token, FileBytes);
            var output = put.Output!;
            body.Of(FileBytes);
            for (var piece = body.Next(PacketBytes); !piece.IsEmpty; piece = body.Next(PacketBytes))
            {
                output.Write(head);
                output.Write(piece.Span);
                await output.FlushAsync();
            }

            await output.CompleteAsync();
            await DropAsync(put.Input!);
            await AssertWholeAsync(name);
        });
    }

    [QuicFact(Timeout = TimeoutMs)]
    public async Task A_chunk_that_is_appended_over_fluxd_1_allocates_little()
    {
        await using var server = await QuicServerFixture.Start(files: _trees.Files, uploads: _trees.Uploads);
        await using var client = await server.Connect();
        var body = new NewBytes();
        var files = 0;

        await AssertPerChunk(UploadedChunkMax, async () =>
        {
            var name = $"/fluxd-{files++}";
            var upload = await client.OpenUploadAsync(Request(name), CancellationToken.None);
            Assert.Equal(FileBytes, await client.AppendAsync(upload.Id, 0, body.Of(FileBytes), CancellationToken.None));
            await client.CommitAsync(upload.Id, CancellationToken.None);
            await AssertWholeAsync(name);
        });
    }

    private static UploadRequest Request(string name) => new() { Target = FilePath.Parse(name), Size = FileBytes, Frontend = "test" };

    private async Task AssertWholeAsync(string name) =>
        Assert.Equal(FileBytes, (await _trees.Files.StatAsync(People.Anna, FilePath.Parse(name), followLink: true, CancellationToken.None)).Size);

    private async Task<IOpenFile> OpenAsync(OpenAccess access) => await _trees.Files.OpenAsync(
        People.Anna, FilePath.Parse(Name), new OpenRequest { Access = access, Create = access == OpenAccess.Write, Frontend = "test" }, CancellationToken.None);

    private async Task AssertPerChunk(double most, Func<Task> transfer)
    {
        var best = double.MaxValue;
        for (var round = 0; round < Rounds && best >= most; round++)
        {
            best = Math.Min(best, await AllocationTests.AllocatedAsync(transfer) / (double)_chunks);
        }

        output.WriteLine($"{best:0.0} bytes for each of {_chunks} chunks");
        Assert.True(best < most, $"{best:0.0} bytes for each of {_chunks} chunks");
    }

    /// <summary>Of the packet with this number, in its last fields.</summary>
    private static void SetOffset(Span<byte> fields, int packet) => BinaryPrimitives.WriteInt64BigEndian(fields, (long)packet * PacketBytes);

    private static async Task SendAsync(Socket socket, string line, string fields, NewBytes body, string status)
    {
        await socket.SendAsync(Encoding.ASCII.GetBytes($"{line} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {HttpServer.Token}\r\n{fields}Content-Length: {body.Left}\r\n\r\n"));
        for (var piece = body.Next(NewBytes.PieceBytes); !piece.IsEmpty; piece = body.Next(NewBytes.PieceBytes))
        {
            while (!piece.IsEmpty)
            {
                piece = piece[await socket.SendAsync(piece)..];
            }
        }

        var answer = new byte[4096]; // short answers, and each in one piece
        Assert.StartsWith($"HTTP/1.1 {status} ", Encoding.ASCII.GetString(answer, 0, await socket.ReceiveAsync(answer)), StringComparison.Ordinal);
    }

    private static async Task<long> DropAsync(PipeReader body)
    {
        for (var total = 0L; ;)
        {
            var read = await body.ReadAsync();
            total += read.Buffer.Length;
            body.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
            {
                return total;
            }
        }
    }

    /// <summary>The body of an upload: new bytes each time, or their chunks would be known.</summary>
    private sealed class NewBytes : Stream
    {
        public const int PieceBytes = 64 << 10;

        private readonly Random _random = new(7);
        private readonly byte[] _piece = new byte[PieceBytes];

        public long Left { get; private set; }

        public NewBytes Of(long bytes)
        {
            Left = bytes;
            return this;
        }

        /// <summary>At most so many; none at the end. They last until the next ones.</summary>
        public ReadOnlyMemory<byte> Next(int bytes)
        {
            var piece = _piece.AsMemory(0, (int)Math.Min(Left, bytes));
            _random.NextBytes(piece.Span);
            Left -= piece.Length;
            return piece;
        }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var piece = buffer[..(int)Math.Min(Left, buffer.Length)];
            _random.NextBytes(piece.Span);
            Left -= piece.Length;
            return new(piece.Length);
        }

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
