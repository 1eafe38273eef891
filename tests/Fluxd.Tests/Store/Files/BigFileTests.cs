using Fluxd.Core.Files;
using Xunit;

namespace Fluxd.Tests.Store.Files;

public sealed class BigFileTests : TreesFixture
{
    [Fact(Timeout = TimeoutMs)]
    public async Task A_change_in_the_middle_of_a_big_file_keeps_all_the_rest()
    {
        var bytes = Random(12 << 20, seed: 1);
        await Write("/big", bytes, 0, truncate: true);
        var patch = Random(100_000, seed: 2);
        await Write("/big", patch, 5_000_001, truncate: false);
        patch.CopyTo(bytes, 5_000_001);
        Assert.Equal(bytes, await Read("/big", bytes.Length));
        var chunks = await Trees.Catalog.ReadAsync(db => db.Scalar("SELECT sum(raw) FROM chunk"), Ct);
        Assert.InRange(chunks!.Value, 12 << 20, (12 << 20) + (2 << 20));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_long_sequential_write_is_a_session_before_its_connection_drops()
    {
        var bytes = Random(9 << 20, seed: 3);
        var request = new OpenRequest { Access = OpenAccess.Write, Create = true, Truncate = true, Frontend = "sftp" };
        await using (var file = await Trees.Files.OpenAsync(Anna, P("/big"), request, Ct))
        {
            for (var at = 0; at < bytes.Length; at += 32_768)
            {
                await file.WriteAsync(at, bytes.AsMemory(at, Math.Min(32_768, bytes.Length - at)), Ct);
            }

            var kept = Assert.Single((await Trees.Uploads.ListAsync(Anna, null, 10, Ct)).Entries);
            Assert.InRange(kept.DurableOffset, 4 << 20, bytes.Length);
            await file.CloseAsync(Ct);
        }

        Assert.Empty((await Trees.Uploads.ListAsync(Anna, null, 10, Ct)).Entries);
        Assert.Equal(bytes, await Read("/big", bytes.Length));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Writes_all_over_a_big_file_end_as_the_model_says()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        var model = Random(3 << 20, seed);
        await Write("/big", model, 0, truncate: true);
        await using (var file = await Trees.Files.OpenAsync(Anna, P("/big"), new OpenRequest { Access = OpenAccess.ReadWrite }, Ct))
        {
            for (var i = 0; i < 200; i++)
            {
                var piece = Random(random.Next(1, 50_000), random.Next());
                var at = random.Next(model.Length - piece.Length);
                await file.WriteAsync(at, piece, Ct);
                piece.CopyTo(model, at);
                if (i % 50 == 49)
                {
                    await file.FsyncAsync(Ct);
                }
            }

            await file.CloseAsync(Ct);
        }

        var found = await Read("/big", model.Length);
        Assert.True(model.AsSpan().SequenceEqual(found), $"The file is not what was written; seed {seed}.");
    }

    private static byte[] Random(int count, int seed)
    {
        var bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private async Task Write(string path, byte[] bytes, long offset, bool truncate)
    {
        var request = new OpenRequest { Access = OpenAccess.Write, Create = true, Truncate = truncate };
        await using var file = await Trees.Files.OpenAsync(Anna, P(path), request, Ct);
        await file.WriteAsync(offset, bytes, Ct);
        await file.CloseAsync(Ct);
    }

    private async Task<byte[]> Read(string path, int length)
    {
        await using var file = await Trees.Files.OpenAsync(Anna, P(path), new OpenRequest { Access = OpenAccess.Read }, Ct);
        var bytes = new byte[length];
        Assert.Equal(length, await file.ReadAsync(0, bytes, Ct));
        return bytes;
    }
}
