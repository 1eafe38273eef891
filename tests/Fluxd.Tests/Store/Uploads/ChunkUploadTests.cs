using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Chunking;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Store.Files;
using Fluxd.Tests.Store.Files;
using Xunit;

namespace Fluxd.Tests.Store.Uploads;

public sealed class ChunkUploadTests : TreesFixture
{
    [Fact(Timeout = TimeoutMs)]
    public async Task Only_what_changed_is_sent()
    {
        var old = await PutRandom("/a", Anna);
        var recipe = await RecipeOf("/a");
        var fresh = new byte[20_000];
        new Random(5).NextBytes(fresh);
        recipe.Insert(1, new ChunkRef(ChunkHash.Of(fresh), fresh.Length));
        var upload = await Trees.Uploads.CreateAsync(Anna, new UploadRequest { Target = P("/b") }, Ct);
        var have = await Trees.Chunks.HaveAsync(Anna, upload.Id, [.. recipe.Select(step => step.Hash)], P("/a"), Ct);
        Assert.Equal(recipe.Select((_, i) => i != 1), have);
        var refused = await Trees.Chunks.AppendAsync(Anna, upload.Id, 0, recipe, Ct);
        Assert.Equal((0L, 1), (refused.DurableOffset, Assert.Single(refused.Missing)));
        await Trees.Chunks.PutAsync(Anna, upload.Id, recipe[1].Hash, fresh, Ct);
        var done = await Trees.Chunks.AppendAsync(Anna, upload.Id, 0, recipe, Ct);
        Assert.Equal(old.Length + fresh.Length, done.DurableOffset);
        await Trees.Uploads.CompleteAsync(Anna, upload.Id, Ct);
        var first = recipe[0].Length;
        byte[] expected = [.. old[..first], .. fresh, .. old[first..]];
        Assert.Equal(expected, await ReadAll("/b"));
        await Fails(FluxError.Conflict, () => Trees.Chunks.AppendAsync(Anna, upload.Id, 0, recipe, Ct));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task What_somebody_else_has_can_neither_be_seen_nor_used()
    {
        await PutRandom("/a", Anna);
        var recipe = await RecipeOf("/a");
        var hashes = recipe.Select(step => step.Hash).ToList();
        var upload = await Trees.Uploads.CreateAsync(Bert, new UploadRequest { Target = P("/b") }, Ct);
        Assert.All(await Trees.Chunks.HaveAsync(Bert, upload.Id, hashes, null, Ct), Assert.False);
        Assert.Equal(recipe.Count, (await Trees.Chunks.AppendAsync(Bert, upload.Id, 0, recipe, Ct)).Missing.Count);
        await Fails(FluxError.NotFound, () => Trees.Chunks.HaveAsync(Bert, upload.Id, hashes, P("/a"), Ct));
        var annas = await Trees.Uploads.CreateAsync(Anna, new UploadRequest { Target = P("/a") }, Ct);
        Assert.All(await Trees.Chunks.HaveAsync(Anna, annas.Id, hashes, null, Ct), Assert.True);
        await Fails(FluxError.NotFound, () => Trees.Chunks.HaveAsync(Bert, annas.Id, hashes, null, Ct));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Wrong_chunks_are_refused_in_words()
    {
        var upload = await Trees.Uploads.CreateAsync(Anna, new UploadRequest { Target = P("/b") }, Ct);
        var hash = ChunkHash.Of("right"u8);
        await Fails(FluxError.Invalid, () => Trees.Chunks.PutAsync(Anna, upload.Id, hash, "wrong"u8.ToArray(), Ct));
        await Trees.Chunks.PutAsync(Anna, upload.Id, hash, "right"u8.ToArray(), Ct);
        await Fails(FluxError.Invalid, () => Trees.Chunks.AppendAsync(Anna, upload.Id, 0, [new ChunkRef(hash, 6)], Ct));
        await Fails(FluxError.Conflict, () => Trees.Chunks.AppendAsync(Anna, upload.Id, 7, [new ChunkRef(hash, 5)], Ct));
        Assert.Equal(5, (await Trees.Chunks.AppendAsync(Anna, upload.Id, 0, [new ChunkRef(hash, 5)], Ct)).DurableOffset);
    }

    private async Task<byte[]> PutRandom(string path, Principal who)
    {
        var bytes = new byte[2 << 20];
        new Random(4).NextBytes(bytes);
        await using var file = await Trees.Files.OpenAsync(who, P(path), new OpenRequest { Access = OpenAccess.Write, Create = true }, Ct);
        await file.WriteAsync(0, bytes, Ct);
        await file.CloseAsync(Ct);
        return bytes;
    }

    private async Task<List<ChunkRef>> RecipeOf(string path)
    {
        var node = (await Trees.Files.StatAsync(Anna, P(path), true, Ct)).Id;
        var content = await Trees.Catalog.ReadAsync(db => NodeTable.Get(db, node)!.Content, Ct);
        return [.. (await Trees.Contents.ChunksAsync(content, 0, Ct)).Select(chunk => new ChunkRef(chunk.Hash, chunk.Length))];
    }

    private async Task<byte[]> ReadAll(string path)
    {
        await using var file = await Trees.Files.OpenAsync(Anna, P(path), new OpenRequest { Access = OpenAccess.Read }, Ct);
        var bytes = new byte[4 << 20];
        return bytes[..await file.ReadAsync(0, bytes, Ct)];
    }
}
