using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Chunking;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Store.Catalog.Index;
using Fluxd.Store.Files;
using Fluxd.Store.Uploads;
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
    public async Task What_was_sent_ahead_of_its_recipe_waits_for_it()
    {
        var upload = await Trees.Uploads.CreateAsync(Anna, new UploadRequest { Target = P("/b") }, Ct);
        var chunks = Enumerable.Range(0, 60).Select(i => RandomBytes(1_000_000, i)).ToList();
        foreach (var chunk in chunks)
        {
            await Trees.Chunks.PutAsync(Anna, upload.Id, ChunkHash.Of(chunk), chunk, Ct);
        }

        // In three recipes, the later ones' chunks being there before: none is asked for again, not even over the first scratch file's end.
        for (var at = 0; at < chunks.Count; at += 20)
        {
            var recipe = chunks.Skip(at).Take(20).Select(chunk => new ChunkRef(ChunkHash.Of(chunk), chunk.Length)).ToList();
            var appended = await Trees.Chunks.AppendAsync(Anna, upload.Id, at * 1_000_000L, recipe, Ct);
            Assert.Empty(appended.Missing);
        }

        await Trees.Uploads.CompleteAsync(Anna, upload.Id, Ct);
        Assert.Equal(chunks.SelectMany(chunk => chunk).ToArray(), await ReadAll("/b"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task What_is_sent_ahead_counts_against_the_quota_until_it_is_used_or_let_go()
    {
        Trees.Change(Anna, user => user with { QuotaBytes = 3_000_000 });
        var upload = await Trees.Uploads.CreateAsync(Anna, new UploadRequest { Target = P("/b") }, Ct);
        var chunks = Enumerable.Range(0, 4).Select(i => RandomBytes(1_000_000, i)).ToList();
        foreach (var chunk in chunks.Take(3))
        {
            await Trees.Chunks.PutAsync(Anna, upload.Id, ChunkHash.Of(chunk), chunk, Ct);
        }

        Assert.Equal(0, (await Trees.Files.SpaceAsync(Anna, FilePath.Root, Ct)).BytesFree);
        await Fails(FluxError.QuotaExceeded, () => Trees.Chunks.PutAsync(Anna, upload.Id, ChunkHash.Of(chunks[3]), chunks[3], Ct));
        await Trees.Chunks.PutAsync(Anna, upload.Id, ChunkHash.Of(chunks[0]), chunks[0], Ct); // is there already
        Assert.Equal(3_000_000, (await Trees.Chunks.AppendAsync(Anna, upload.Id, 0, [.. chunks.Take(3).Select(chunk => new ChunkRef(ChunkHash.Of(chunk), chunk.Length))], Ct)).DurableOffset);
        await Trees.Uploads.CompleteAsync(Anna, upload.Id, Ct);
        await Remove("/b");
        Assert.Equal(3_000_000, (await Trees.Files.SpaceAsync(Anna, FilePath.Root, Ct)).BytesFree);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Nothing_of_an_upload_stays_in_memory_when_it_is_done_or_was_taken_over()
    {
        for (var i = 0; i < 3; i++)
        {
            var upload = await Trees.Uploads.CreateAsync(Anna, new UploadRequest { Target = P($"/{i}") }, Ct);
            await using (var first = await Trees.Uploads.OpenAsync(Anna, upload.Id, Ct))
            {
                await first.WriteAsync(new byte[100_000], Ct);
                await using var second = await Trees.Uploads.OpenAsync(Anna, upload.Id, Ct);
                await second.WriteAsync(new byte[100_000], Ct);
                Assert.Equal(1, Trees.Sessions.Count);
            }

            await Trees.Uploads.CompleteAsync(Anna, upload.Id, Ct);
        }

        Assert.Equal(0, Trees.Sessions.Count);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task No_more_is_sent_ahead_than_the_upload_can_need()
    {
        var upload = await Trees.Uploads.CreateAsync(Anna, new UploadRequest { Target = P("/b"), Size = 4 << 20 }, Ct);
        for (var i = 0; i < 2; i++)
        {
            await Put(i);
        }

        await Fails(FluxError.Busy, () => Put(2));

        Task Put(int seed)
        {
            var chunk = RandomBytes(4 << 20, seed);
            return Trees.Chunks.PutAsync(Anna, upload.Id, ChunkHash.Of(chunk), chunk, Ct);
        }
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_disk_that_is_nearly_full_takes_nothing_ahead_either()
    {
        var upload = await Trees.Uploads.CreateAsync(Anna, new UploadRequest { Target = P("/b") }, Ct);
        var chunk = RandomBytes(1000, 1);
        await Trees.Chunks.PutAsync(Anna, upload.Id, ChunkHash.Of(chunk), chunk, Ct);
        Trees.HasRoom = false;
        await Fails(FluxError.NoSpace, () => Trees.Chunks.PutAsync(Anna, upload.Id, ChunkHash.Of([7]), new byte[] { 7 }, Ct));
        await using var file = await Trees.Files.OpenAsync(Anna, P("/c"), new OpenRequest { Access = OpenAccess.Write, Create = true }, Ct);
        await Fails(FluxError.NoSpace, () => file.WriteAsync(1_000_000, chunk, Ct).AsTask());
        Trees.HasRoom = true;
        await Trees.Chunks.PutAsync(Anna, upload.Id, ChunkHash.Of([7]), new byte[] { 7 }, Ct);
    }

    private static byte[] RandomBytes(int length, int seed)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
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
    public async Task Everything_that_the_user_has_anywhere_need_not_be_sent()
    {
        var bytes = await PutRandom("/a", Anna);
        var recipe = await RecipeOf("/a");
        await Trees.Files.RenameAsync(Anna, P("/a"), P("/elsewhere"), false, Ct);
        var upload = await Trees.Uploads.CreateAsync(Anna, new UploadRequest { Target = P("/b") }, Ct);

        // Without asking there is no promise, and a recipe finds nothing.
        Assert.Equal(recipe.Count, (await Trees.Chunks.AppendAsync(Anna, upload.Id, 0, recipe, Ct)).Missing.Count);
        Assert.All(await Have(Anna, upload.Id, recipe), Assert.True);
        var chunks = await Chunks();
        Assert.Equal(bytes.Length, (await Trees.Chunks.AppendAsync(Anna, upload.Id, 0, recipe, Ct)).DurableOffset);
        await Trees.Uploads.CompleteAsync(Anna, upload.Id, Ct);
        Assert.Equal(bytes, await ReadAll("/b"));
        Assert.Equal(await RecipeOf("/elsewhere", Anna), await RecipeOf("/b", Anna));
        Assert.Equal(chunks, await Chunks());
        Assert.Equal(0, await Leases(upload.Id));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task What_an_unfinished_upload_of_the_user_holds_need_not_be_sent()
    {
        var bytes = new byte[1 << 20];
        new Random(3).NextBytes(bytes);
        var first = await Trees.Uploads.CreateAsync(Anna, new UploadRequest { Target = P("/a") }, Ct);
        await using (var writer = await Trees.Uploads.OpenAsync(Anna, first.Id, Ct))
        {
            await writer.WriteAsync(bytes, Ct);
            await writer.FlushAsync(Ct);
        }

        var cut = Chunker.For(ChunkClass.Fine).Cut(bytes);
        var upload = await Trees.Uploads.CreateAsync(Anna, new UploadRequest { Target = P("/b") }, Ct);
        Assert.Equal([true], await Have(Anna, upload.Id, [new ChunkRef(ChunkHash.Of(bytes.AsSpan(0, cut)), cut)]));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_promise_outlives_the_daemon_and_ends_with_its_session()
    {
        var bytes = await PutRandom("/a", Anna);
        var recipe = await RecipeOf("/a");
        var upload = await Trees.Uploads.CreateAsync(Anna, new UploadRequest { Target = P("/b") }, Ct);
        Assert.All(await Have(Anna, upload.Id, recipe), Assert.True);
        Assert.Equal(1, await Leases(upload.Id));

        // The file goes, and all memory of the answer.
        await Trees.Files.RemoveFileAsync(Anna, P("/a"), Precondition.None, Ct);
        var anew = new ChunkUploads(Trees.Trees, Trees.Uploads, Trees.Contents, Trees.Spool);
        Assert.Equal(bytes.Length, (await anew.AppendAsync(Anna, upload.Id, 0, recipe, Ct)).DurableOffset);
        var other = await Trees.Uploads.CreateAsync(Anna, new UploadRequest { Target = P("/c") }, Ct);
        Assert.Equal(recipe.Count, (await anew.AppendAsync(Anna, other.Id, 0, recipe, Ct)).Missing.Count);
        await Have(Anna, other.Id, recipe);
        await Trees.Uploads.CancelAsync(Anna, other.Id, Ct);
        Assert.Equal(0, await Leases(other.Id));
        Clock.Advance(UploadLimits.Life + TimeSpan.FromHours(1));
        await Trees.Keeper.RunAsync(Ct);
        Assert.Equal(0, await Leases(upload.Id));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Asking_for_what_others_have_changes_as_little_as_asking_for_what_nobody_has()
    {
        await PutRandom("/a", Anna);
        var annas = await RecipeOf("/a");
        var nobodys = annas.Select((step, i) => step with { Hash = ChunkHash.Of([(byte)i]) }).ToList();
        var upload = await Trees.Uploads.CreateAsync(Bert, new UploadRequest { Target = P("/b") }, Ct);
        var group = Trees.Catalog.AppliedGroup;
        Assert.All(await Have(Bert, upload.Id, annas), Assert.False);
        Assert.All(await Have(Bert, upload.Id, nobodys), Assert.False);
        Assert.Equal(group, Trees.Catalog.AppliedGroup);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_shared_folder_counts_while_it_may_be_read()
    {
        Trees.Share(1, "team", Anna, FolderAccess.Write);
        Trees.Share(1, "team", Bert, FolderAccess.Read);
        await PutRandom("/team/a", Anna);
        var recipe = await RecipeOf("/team/a");
        var upload = await Trees.Uploads.CreateAsync(Bert, new UploadRequest { Target = P("/b") }, Ct);
        Assert.All(await Have(Bert, upload.Id, recipe), Assert.True);
        Trees.Share(1, "team", Bert, null);
        var later = await Trees.Uploads.CreateAsync(Bert, new UploadRequest { Target = P("/c") }, Ct);
        Assert.All(await Have(Bert, later.Id, recipe), Assert.False);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_credential_held_to_a_folder_can_not_fetch_what_lies_beside_it()
    {
        await Folder("/in");
        await PutRandom("/a", Anna);
        var recipe = await RecipeOf("/a");
        var held = Anna with { PathPrefix = P("/in") };
        var upload = await Trees.Uploads.CreateAsync(held, new UploadRequest { Target = P("/in/b") }, Ct);
        Assert.All(await Have(held, upload.Id, recipe), Assert.False);
        await Trees.Files.CopyAsync(Anna, P("/a"), P("/in/a"), false, Ct);
        Assert.All(await Trees.Chunks.HaveAsync(held, upload.Id, [.. recipe.Select(step => step.Hash)], P("/in/a"), Ct), Assert.True);
        var blind = Anna with { Scopes = Scopes.Write };
        var blinds = await Trees.Uploads.CreateAsync(blind, new UploadRequest { Target = P("/c") }, Ct);
        Assert.All(await Have(blind, blinds.Id, recipe), Assert.False);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task What_moved_to_another_tree_is_forgotten_here_and_known_there()
    {
        Trees.Share(1, "team", Anna, FolderAccess.Write);
        Trees.Share(1, "team", Bert, FolderAccess.Write);
        await PutRandom("/a", Anna);
        var recipe = await RecipeOf("/a");
        await Folder("/keep");
        await Put("/keep/x", new string('x', 1000));
        var kept = await RecipeOf("/keep/x");
        await Trees.Files.RenameAsync(Anna, P("/a"), P("/team/a"), false, Ct);
        await Trees.Files.RemoveFileAsync(Bert, P("/team/a"), Precondition.None, Ct);
        await Trees.Keeper.RunAsync(Ct);
        var berts = await Trees.Uploads.CreateAsync(Bert, new UploadRequest { Target = P("/b") }, Ct);
        Assert.All(await Have(Bert, berts.Id, recipe), Assert.True);
        Trees.Share(1, "team", Anna, null);
        var annas = await Trees.Uploads.CreateAsync(Anna, new UploadRequest { Target = P("/b") }, Ct);
        Assert.All(await Have(Anna, annas.Id, recipe), Assert.False);
        Assert.All(await Have(Anna, annas.Id, kept), Assert.True);
        var trash = await Trees.Versions.ListTrashAsync(Bert, null, 10, Ct);
        await Trees.Versions.PurgeTrashAsync(Bert, trash.Entries[0].NodeId, Ct);
        await Trees.Keeper.RunAsync(Ct);
        await Trees.Uploads.CancelAsync(Bert, berts.Id, Ct);
        var later = await Trees.Uploads.CreateAsync(Bert, new UploadRequest { Target = P("/c") }, Ct);
        Assert.All(await Have(Bert, later.Id, recipe), Assert.False);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_sweep_finds_what_the_writing_noted()
    {
        await Folder("/x/y");
        await PutRandom("/x/y/a", Anna);
        await PutRandom("/x/big", Anna, 40 << 20);
        for (var i = 0; i < 30; i++)
        {
            await Put($"/x/{i}", new string((char)('a' + i), 400 + i));
            await Put($"/b{i}", new string((char)('a' + i), 600 + i), Bert);
        }

        await Put("/x/1", new string('z', 999));
        await Trees.Files.RemoveFolderAsync(Anna, P("/x/y"), true, Ct);
        var upload = await Trees.Uploads.CreateAsync(Anna, new UploadRequest { Target = P("/u") }, Ct);
        await using (var writer = await Trees.Uploads.OpenAsync(Anna, upload.Id, Ct))
        {
            await writer.WriteAtAsync(5000, new byte[100_000], Ct);
            await writer.FlushAsync(Ct);
        }

        var noted = await OwnRanges();
        await Trees.Catalog.WriteAsync(db => db.Run("DELETE FROM own"), Ct);
        await Trees.Catalog.WriteAsync(db => db.Run("INSERT INTO own_state(root, stale, mixed) SELECT node, 1, 0 FROM tree WHERE true ON CONFLICT DO UPDATE SET stale = 1"), Ct);
        await Trees.Keeper.RunAsync(Ct);
        Assert.Equal(noted, await OwnRanges());
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

    private Task<IReadOnlyList<bool>> Have(Principal who, UploadId upload, List<ChunkRef> recipe) =>
        Trees.Chunks.HaveAsync(who, upload, [.. recipe.Select(step => step.Hash)], null, Ct);

    private async Task<long> Chunks() => await Trees.Catalog.ReadAsync(db => db.Scalar("SELECT count(*) FROM chunk") ?? 0, Ct);

    private async Task<long> Leases(UploadId upload) =>
        await Trees.Catalog.ReadAsync(db => IdSet.OfSession(upload.ToBytes()).Rows(db, 100), Ct);

    private async Task<List<(long, long, long)>> OwnRanges() => await Trees.Catalog.ReadAsync(
        db =>
        {
            var rows = new List<(long, long, long)>();
            using var row = db.Sql("SELECT root, first, count FROM own ORDER BY root, first");
            while (row.Step())
            {
                rows.Add((row.Long(0), row.Long(1), row.Long(2)));
            }

            return rows;
        },
        Ct);

    private async Task<byte[]> PutRandom(string path, Principal who, int length = 2 << 20)
    {
        var bytes = new byte[length];
        new Random(4).NextBytes(bytes);
        await using var file = await Trees.Files.OpenAsync(who, P(path), new OpenRequest { Access = OpenAccess.Write, Create = true }, Ct);
        await file.WriteAsync(0, bytes, Ct);
        await file.CloseAsync(Ct);
        return bytes;
    }

    private async Task<List<ChunkRef>> RecipeOf(string path, Principal? who = null)
    {
        var node = (await Trees.Files.StatAsync(who ?? Anna, P(path), true, Ct)).Id;
        var content = await Trees.Catalog.ReadAsync(db => NodeTable.Get(db, node)!.Content, Ct);
        var recipe = new List<ChunkRef>();
        for (var at = 0L; await Trees.Contents.ChunksAsync(content, at, Ct) is { Count: > 0 } page; at = page[^1].Offset + page[^1].Length)
        {
            recipe.AddRange(page.Select(chunk => new ChunkRef(chunk.Hash, chunk.Length)));
        }

        return recipe;
    }

    private async Task<byte[]> ReadAll(string path)
    {
        await using var file = await Trees.Files.OpenAsync(Anna, P(path), new OpenRequest { Access = OpenAccess.Read }, Ct);
        var bytes = new byte[(await file.StatAsync(Ct)).Size + 1];
        return bytes[..await file.ReadAsync(0, bytes, Ct)];
    }
}
