using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Fluxd.Core;
using Fluxd.Core.Chunking;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Testing;
using Fluxd.Testing.Quic;
using Fluxd.Transports.Quic.Client;
using Fluxd.Transports.Quic.Protocol;
using Xunit;

namespace Fluxd.Tests.Transports.Quic;

public sealed class FluxdProtocolTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    [QuicFact]
    public async Task A_file_goes_up_is_seen_and_comes_down_again()
    {
        await using var server = await QuicServerFixture.Start();
        await using var client = await server.Connect();
        var data = RandomNumberGenerator.GetBytes(3_000_000);
        var upload = await client.OpenUploadAsync(new UploadRequest { Target = FilePath.Parse("/a.bin"), Size = data.Length }, None);
        Assert.Equal(data.Length, await client.AppendAsync(upload.Id, 0, new MemoryStream(data), None));
        await Assert.ThrowsAsync<FluxException>(() => client.StatAsync(FilePath.Parse("/a.bin"), true, None)); // nothing shows before the commit
        var done = await client.CommitAsync(upload.Id, None);
        Assert.Equal(data.Length, done.Result!.Size);
        Assert.Equal("anna", (await client.Login).UserName);

        await using var whole = await client.GetAsync(FilePath.Parse("/a.bin"), 0, -1, default, None);
        Assert.Equal(SHA256.HashData(data), SHA256.HashData(await whole.Body.ReadToEnd()));
        await using var part = await client.GetAsync(FilePath.Parse("/a.bin"), 1000, 500, whole.Node.ContentTag, None);
        Assert.Equal(data[1000..1500], await part.Body.ReadToEnd());
    }

    [QuicFact]
    public async Task Names_are_listed_moved_and_removed()
    {
        await using var server = await QuicServerFixture.Start();
        await using var client = await server.Connect();
        await client.MakeFolderAsync(FilePath.Parse("/x/y"), parents: true, None);
        await client.MoveAsync(FilePath.Parse("/x/y"), FilePath.Parse("/x/z"), replace: false, None);
        Assert.Equal(["z"], (await client.ListAsync(FilePath.Parse("/x"), null, None)).Entries.Select(node => node.Name.ToString()));
        Assert.Equal(FluxError.NotEmpty, (await Assert.ThrowsAsync<FluxException>(() => client.RemoveFolderAsync(FilePath.Parse("/x"), false, None))).Error);
        await client.RemoveFolderAsync(FilePath.Parse("/x"), recursive: true, None);
        Assert.Empty((await client.ListAsync(FilePath.Root, null, None)).Entries);
    }

    [QuicFact]
    public async Task Chunks_travel_in_parallel_and_what_is_there_is_not_sent()
    {
        await using var server = await QuicServerFixture.Start();
        await using var client = await server.Connect();
        var chunks = Enumerable.Range(0, 40).Select(_ => RandomNumberGenerator.GetBytes(50_000)).ToArray();
        var recipe = chunks.Select(chunk => new ChunkRef(ChunkHash.Of(chunk), chunk.Length)).ToArray();
        var upload = await client.OpenUploadAsync(new UploadRequest { Target = FilePath.Parse("/c.bin"), Size = chunks.Sum(chunk => (long)chunk.Length) }, None);
        await client.PutChunkAsync(upload.Id, recipe[3].Hash, chunks[3], None);

        var missing = await client.AppendRecipeAsync(upload.Id, 0, recipe, None);
        Assert.Equal(39, missing.Missing.Count);
        var have = await client.HaveAsync(upload.Id, [.. recipe.Select(chunk => chunk.Hash)], null, None);
        Assert.Equal([3], Enumerable.Range(0, 40).Where(i => have[i]));
        await Task.WhenAll(missing.Missing.Select(i => client.PutChunkAsync(upload.Id, recipe[i].Hash, chunks[i], None)));
        Assert.Empty((await client.AppendRecipeAsync(upload.Id, 0, recipe, None)).Missing);
        Assert.Equal(2_000_000, (await client.CommitAsync(upload.Id, None)).Result!.Size);
        Assert.Equal(2_000_000, server.Uploads.BytesReceived);
    }

    [QuicFact]
    public async Task A_chunk_that_does_not_have_its_hash_is_refused()
    {
        await using var server = await QuicServerFixture.Start();
        await using var client = await server.Connect();
        var upload = await client.OpenUploadAsync(new UploadRequest { Target = FilePath.Parse("/c.bin") }, None);
        var refused = await Assert.ThrowsAsync<FluxException>(() => client.PutChunkAsync(upload.Id, ChunkHash.Of([1]), new byte[] { 2 }, None));
        Assert.Equal(FluxError.Invalid, refused.Error);
    }

    [QuicFact]
    public async Task An_append_at_another_offset_is_a_conflict_that_says_where_to_go_on()
    {
        await using var server = await QuicServerFixture.Start();
        await using var client = await server.Connect();
        var upload = await client.OpenUploadAsync(new UploadRequest { Target = FilePath.Parse("/a"), Size = 10 }, None);
        await client.AppendAsync(upload.Id, 0, new MemoryStream(new byte[4]), None);
        var conflict = await Assert.ThrowsAsync<FluxException>(() => client.AppendAsync(upload.Id, 2, new MemoryStream(new byte[4]), None));
        Assert.Equal(FluxError.Conflict, conflict.Error);
        Assert.Contains("stands at 4", conflict.Message);
        Assert.Equal(FluxError.Missing, (await Assert.ThrowsAsync<FluxException>(() => client.CommitAsync(upload.Id, None))).Error);
    }

    [QuicFact]
    public async Task A_wrong_password_is_told_and_the_connection_ends()
    {
        await using var server = await QuicServerFixture.Start();
        await using var client = await server.Connect(password: "wrong");
        var beside = client.ListAsync(FilePath.Root, null, None);
        Assert.Equal(FluxError.Unauthenticated, (await Assert.ThrowsAsync<FluxException>(() => client.Login)).Error);
        await Assert.ThrowsAsync<FluxException>(() => beside);
        await Ended(client);
    }

    [QuicFact]
    public async Task A_withdrawn_credential_ends_the_connection_at_its_next_operation()
    {
        await using var server = await QuicServerFixture.Start();
        await using var client = await server.Connect();
        await client.ListAsync(FilePath.Root, null, None);
        server.User.IsWithdrawn = true;
        await Assert.ThrowsAsync<FluxException>(() => client.ListAsync(FilePath.Root, null, None));
        await Ended(client);
        Assert.Equal(1, server.User.Logins);
    }

    [QuicFact]
    public async Task A_server_with_another_certificate_never_sees_the_password()
    {
        await using var server = await QuicServerFixture.Start();
        var refused = await Assert.ThrowsAsync<FluxException>(() => server.Connect(pin: new string('0', 64)));
        Assert.Equal(FluxError.Denied, refused.Error);
        Assert.Equal(0, server.User.Logins);
    }

    [QuicFact]
    public async Task Events_come_as_they_happen_until_the_client_has_enough()
    {
        await using var server = await QuicServerFixture.Start();
        await using var client = await server.Connect();
        server.Feed.Add("/one");
        var seen = new List<string>();
        await foreach (var page in client.EventsAsync(0, None))
        {
            seen.AddRange(page.Changes.Select(change => change.Path.ToString()));
            if (seen.Count == 1)
            {
                server.Feed.Add("/two");
            }

            if (seen.Count == 2)
            {
                break;
            }
        }

        Assert.Equal(["/one", "/two"], seen);
    }

    [QuicFact]
    public async Task A_cancelled_download_leaves_the_connection_usable()
    {
        await using var server = await QuicServerFixture.Start();
        await Put(server, "/big", new byte[20_000_000]);
        await using var client = await server.Connect();
        await using (var download = await client.GetAsync(FilePath.Parse("/big"), 0, -1, default, None))
        {
            var read = await download.Body.ReadAsync(None);
            download.Body.AdvanceTo(read.Buffer.End);
        }

        Assert.Equal(20_000_000, (await client.StatAsync(FilePath.Parse("/big"), true, None)).Size);
    }

    [QuicFact]
    public async Task A_client_that_was_killed_goes_on_where_the_server_stands()
    {
        await using var server = await QuicServerFixture.Start();
        var data = RandomNumberGenerator.GetBytes(4_000_000);
        UploadInfo upload;
        await using (var first = await server.Connect())
        {
            upload = await first.OpenUploadAsync(new UploadRequest { Target = FilePath.Parse("/r"), Size = data.Length }, None);
            await first.AppendAsync(upload.Id, 0, new MemoryStream(data, 0, 1_500_000), None);
        }

        await using var second = await server.Connect();
        var stands = (await second.GetUploadAsync(upload.Id, None)).DurableOffset;
        Assert.Equal(1_500_000, stands);
        await second.AppendAsync(upload.Id, stands, new MemoryStream(data, (int)stands, data.Length - (int)stands), None);
        await second.CommitAsync(upload.Id, None);
        Assert.Equal(data.Length, server.Uploads.BytesReceived);
        await using var back = await second.GetAsync(FilePath.Parse("/r"), 0, -1, default, None);
        Assert.Equal(SHA256.HashData(data), SHA256.HashData(await back.Body.ReadToEnd()));
    }

    [QuicFact]
    public async Task A_socket_that_systemd_bound_is_served()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var port = ((IPEndPoint)socket.LocalEndPoint!).Port;
        await using var server = await QuicServerFixture.Start(inherited: socket);
        Assert.Equal(port, server.EndPoint.Port);
        await using var client = await server.Connect();
        Assert.Empty((await client.ListAsync(FilePath.Root, null, None)).Entries);
    }

    [QuicFact]
    public async Task An_upload_survives_loss_an_outage_and_a_NAT_that_forgets_without_sending_again_what_was_durable()
    {
        await using var server = await QuicServerFixture.Start();
        var conditions = new LinkConditions { Delay = TimeSpan.FromMilliseconds(15), Jitter = TimeSpan.FromMilliseconds(5), Loss = 0.05, BytesPerSecond = 3_000_000 };
        await using var link = new UdpForwarder(server.EndPoint, conditions, seed: 20);
        await using var client = await server.Connect(through: link.EndPoint);
        var chunks = Enumerable.Range(0, 60).Select(_ => RandomNumberGenerator.GetBytes(60_000)).ToArray();
        var upload = await client.OpenUploadAsync(new UploadRequest { Target = FilePath.Parse("/l.bin") }, None);
        var done = 0;
        await Parallel.ForEachAsync(chunks, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (chunk, ct) =>
        {
            await client.PutChunkAsync(upload.Id, ChunkHash.Of(chunk), chunk, ct);
            switch (Interlocked.Increment(ref done))
            {
                case 15:
                    link.Rebind();
                    break;
                case 30:
                    link.IsDown = true;
                    await Task.Delay(TimeSpan.FromSeconds(2), ct);
                    link.IsDown = false;
                    break;
            }
        });
        Assert.Empty((await client.AppendRecipeAsync(upload.Id, 0, [.. chunks.Select(chunk => new ChunkRef(ChunkHash.Of(chunk), chunk.Length))], None)).Missing);
        await client.CommitAsync(upload.Id, None);
        Assert.Equal(chunks.Sum(chunk => (long)chunk.Length), server.Uploads.BytesReceived); // the protocol sent nothing twice
        await using var back = await client.GetAsync(FilePath.Parse("/l.bin"), 0, -1, default, None);
        Assert.Equal(SHA256.HashData(chunks.SelectMany(chunk => chunk).ToArray()), SHA256.HashData(await back.Body.ReadToEnd()));
    }

    [QuicFact]
    public async Task Draining_lets_a_running_download_end_and_refuses_new_operations()
    {
        await using var server = await QuicServerFixture.Start();
        await Put(server, "/big", new byte[10_000_000]);
        await using var client = await server.Connect();
        var download = await client.GetAsync(FilePath.Parse("/big"), 0, -1, default, None);
        await server.Frontend.StopAcceptingAsync(None);
        var draining = server.Frontend.DrainAsync(None);
        Assert.False(draining.IsCompleted);
        Assert.Equal(FluxError.Unavailable, (await Assert.ThrowsAsync<FluxException>(() => client.StatAsync(FilePath.Root, true, None))).Error);
        Assert.Equal(10_000_000, (await download.Body.ReadToEnd()).Length);
        await download.DisposeAsync();
        await draining;
    }

    [Fact]
    public void Every_error_of_the_core_has_its_own_number_and_comes_back_the_same()
    {
        var all = Enum.GetValues<FluxError>();
        Assert.All(all, error => Assert.Equal(error, FluxdErrors.Error(FluxdErrors.Status(error))));
        Assert.Equal(all.Length, all.Select(FluxdErrors.Status).Distinct().Count());
        Assert.DoesNotContain(all.Select(FluxdErrors.Status), status => status is FluxdErrors.Ok or FluxdErrors.Internal);
    }

    [Fact]
    public async Task Frames_that_lie_about_their_length_are_refused_and_never_read_beyond()
    {
        var seed = Random.Shared.Next();
        var random = new Random(seed);
        for (var i = 0; i < 2000; i++)
        {
            var bytes = new byte[random.Next(0, 200)];
            random.NextBytes(bytes);
            if (bytes.Length > 4)
            {
                BinaryPrimitives.WriteInt32BigEndian(bytes, random.Next(0, 250));
                bytes[4] = 1;
            }

            try
            {
                var frame = await PipeReader.Create(new MemoryStream(bytes)).ReadFrameAsync(240, None);
                if (frame is not null)
                {
                    Parse(frame);
                }
            }
            catch (FluxException e)
            {
                Assert.True(e.Error is FluxError.Invalid or FluxError.TooLarge, $"seed {seed}: {e.Error}");
            }
        }
    }

    private static void Parse(byte[] frame)
    {
        var reader = new FrameReader(frame.AsSpan(1));
        switch (frame[0] % 3)
        {
            case 0:
                FluxdRecords.Request(ref reader);
                break;
            case 1:
                FluxdRecords.Upload(ref reader);
                break;
            default:
                FluxdRecords.Node(ref reader);
                break;
        }
    }

    private static async Task Ended(FluxdClient client)
    {
        var ended = new TaskCompletionSource();
        await using var registration = client.Closed.Register(ended.SetResult);
        await ended.Task;
    }

    internal static async Task Put(QuicServerFixture server, string path, byte[] content)
    {
        await using var file = await server.Files.OpenAsync(
            People.Anna, FilePath.Parse(path), new OpenRequest { Access = OpenAccess.Write, Create = true }, None);
        await file.WriteAsync(0, content, None);
        await file.CloseAsync(None);
    }
}
