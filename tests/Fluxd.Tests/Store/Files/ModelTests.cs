using System.Text;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Store;
using Fluxd.Store.Upkeep.Check;
using Fluxd.Store.Upkeep.Copies;
using Fluxd.Store.Upkeep.Gc;
using Fluxd.Testing;
using Fluxd.Testing.Store;
using Fluxd.Tests.Store.Upkeep;
using Xunit;
using Xunit.Abstractions;

namespace Fluxd.Tests.Store.Files;

/// <summary>
/// Random operations against the plain model: each step must succeed or fail alike, and the trees must be equal in
/// the end. Handles stay open across other operations: by other handles of the file, on its path, and on folders above.
/// Several users work at once, each compared with the model of their own tree, so that what they share (the
/// committer, the readers, the open-file table) is under load while every answer is still known.
/// </summary>
public sealed class ModelTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const int Steps = 600;
    private const int Users = 4;

    /// <summary>Files that a user has open at once.</summary>
    private const int Slots = 5;

    /// <summary>Steps that a failure tells of.</summary>
    private const int Remembered = 30;

    private static readonly CancellationToken Ct = CancellationToken.None;
    private static readonly string[] s_names = ["a", "b", "c", "d"];

    // Small packs: several are full, emptied and gone before a run is over.
    private readonly TestTrees _trees = new(packBytes: StoreLimits.PackBytesMin);

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => _trees.DisposeAsync().AsTask();

    [Theory(Timeout = 120_000)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(0)]
    public Task Random_operations_do_what_the_model_does(int seed) => RunAsync(seed);

    /// <summary>All bytes of the past are forgotten all the time, so that the collector has much to take away from under the users.</summary>
    [Theory(Timeout = 240_000)]
    [InlineData(3)]
    [InlineData(0)]
    public async Task Random_operations_do_what_the_model_does_while_garbage_is_collected(int seed)
    {
        var users = RunAsync(seed);
        var (runs, removed, emptied, folded) = (0, 0L, 0, 0L);
        var copies = new CatalogCopies(Path.Combine(_trees.Folder, "catalog.db"), Path.Combine(_trees.Folder, "snap"));
        var parts = new GcParts(
            _trees.Catalog, _trees.Packs, TimeProvider.System, () => copies.List() is [var newest, .., var oldest] ? (oldest.Group, newest.Group) : default,
            ct => copies.MakeAsync(ct), _ => { }, StoreLimits.PackBytesMin);
        while (!users.IsCompleted || runs < 2)
        {
            await PastEraser.RunAsync(_trees.Catalog);
            var report = await new GarbageCollector(parts, new GcRequest { Hurry = true, MoveBytesPerSecond = 0 }).RunAsync(Ct);
            (runs, removed) = (runs + 1, removed + report.ContentsRemoved);
            (emptied, folded) = (emptied + report.PacksDropped + report.PacksCompacted + report.PacksMerged, folded + report.BytesFolded);
        }

        await users;
        output.WriteLine($"{runs} runs, {removed} contents, {emptied} packs, {folded} bytes folded");
        Assert.True(removed > 10 && emptied > 0, $"{runs} runs, {removed} contents, {emptied} packs");
        var check = await new StoreCheck(Path.Combine(_trees.Folder, "catalog.db"), _trees.Packs).RunAsync(readData: true, Ct);
        Assert.True(check.IsClean, string.Join('\n', check.Findings));
    }

    private async Task RunAsync(int seed)
    {
        seed = seed == 0 ? Environment.TickCount : seed;
        output.WriteLine($"seed {seed}");
        var users = Enumerable.Range(0, Users).Select(i => People.Make(1000 + i, $"user{i}")).ToList();
        users.ForEach(_trees.Add);
        await Task.WhenAll(users.Select((user, i) => Task.Run(() => RunAsync(user, new Random(seed + (i * 7919))))));
    }

    private async Task RunAsync(Principal who, Random random)
    {
        var model = new Side(new MemoryFiles());
        var store = new Side(_trees.Files);
        var past = new Queue<string>();
        for (var step = 0; step < Steps; step++)
        {
            var (what, work) = Choose(who, random);
            var expected = await Outcome(() => work(model));
            var found = await Outcome(() => work(store));
            past.Enqueue($"{step}: {what}: {Short(expected)}");
            if (past.Count > Remembered)
            {
                past.Dequeue();
            }

            Assert.True(expected == found, $"{who.UserName}, step {step}: {what} gave {Short(found)}, the model {Short(expected)}\n{string.Join('\n', past)}");
        }

        for (var slot = 0; slot < Slots; slot++)
        {
            Assert.Equal(await Outcome(() => Close(model, slot)), await Outcome(() => Close(store, slot)));
        }

        Assert.Equal(await Dump(model.Files, who, FilePath.Root), await Dump(store.Files, who, FilePath.Root));
    }

    private static string Short(string outcome) => outcome[..Math.Min(outcome.Length, 60)];

    private static async Task<string> Outcome(Func<Task<string>> work)
    {
        try
        {
            return await work();
        }
        catch (FluxException e)
        {
            return e.Error.ToString();
        }
    }

    private static (string What, Func<Side, Task<string>> Work) Choose(Principal who, Random random)
    {
        var (one, two) = (RandomPath(random), RandomPath(random));
        var bytes = new byte[random.Next(3000)];
        random.NextBytes(bytes);
        var (offset, size, replace) = (random.Next(4000), random.Next(4000), random.Next(2) == 0);
        if (random.Next(5) < 2)
        {
            return ChooseOnHandle(who, random, random.Next(2) == 0 ? FilePath.Root.Append(one.Name) : one, bytes, offset, size);
        }

        var target = random.Next(3) == 0 ? "../" + one.Name : random.Next(2) == 0 ? two.ToString() : two.Name.ToString();
        var (what, work) = ChooseOnPath(who, random.Next(16), (one, two, replace), target, (bytes, offset, size));
        return (what, side => work(side.Files));
    }

    private static (string What, Func<Side, Task<string>> Work) ChooseOnHandle(Principal who, Random random, FilePath path, byte[] bytes, int offset, int size)
    {
        var slot = random.Next(Slots);
        var request = random.Next(4) == 0 ? new OpenRequest { Access = OpenAccess.Read } : new OpenRequest
        {
            Access = OpenAccess.ReadWrite,
            Create = random.Next(3) > 0,
            Exclusive = random.Next(6) == 0,
            Truncate = random.Next(4) == 0,
            Append = random.Next(6) == 0,
        };
        return random.Next(10) switch
        {
            0 or 1 or 2 => ($"open {slot} {path} {request.Access} create {request.Create} {request.Exclusive} truncate {request.Truncate} append {request.Append}", async side =>
            {
                if (side.Open[slot] is null)
                {
                    side.Open[slot] = await side.Files.OpenAsync(who, path, request, Ct);
                    return "opened";
                }

                return "taken";
            }
            ),
            3 or 4 => ($"write {slot} {bytes.Length} at {offset}", side => On(side, slot, file => file.WriteAsync(offset, bytes, Ct).AsTask())),
            5 => ($"truncate {slot} to {size}", side => On(side, slot, file => file.TruncateAsync(size, Ct).AsTask())),
            6 => ($"fsync {slot}", side => On(side, slot, file => file.FsyncAsync(Ct))),
            7 => ($"close {slot}", side => Close(side, slot)),
            _ => ($"see {slot}", side => On(side, slot, _ => Task.CompletedTask)),
        };
    }

    /// <summary>What the handle shows afterwards is part of the answer.</summary>
    private static async Task<string> On(Side side, int slot, Func<IOpenFile, Task> work)
    {
        if (side.Open[slot] is not { } file)
        {
            return "nothing open";
        }

        await work(file);
        return $"{(await file.StatAsync(Ct)).Size} {Convert.ToHexString(await ReadAll(file))}";
    }

    private static async Task<string> Close(Side side, int slot)
    {
        if (side.Open[slot] is not { } file)
        {
            return "nothing open";
        }

        side.Open[slot] = null;
        await using (file)
        {
            return $"closed with {(await file.CloseAsync(Ct)).Size}";
        }
    }

    private static (string What, Func<IFiles, Task<string>> Work) ChooseOnPath(
        Principal who, int which, (FilePath One, FilePath Two, bool Replace) names, string target, (byte[] Bytes, int Offset, int Size) data)
    {
        var (one, two, replace) = names;
        var (bytes, offset, size) = data;
        return which switch
        {
            0 or 1 => ($"put {one}", files => Write(files, who, one, new OpenRequest { Access = OpenAccess.Write, Create = true, Truncate = true }, [(0, bytes)], null)),
            2 => ($"patch {one}", files => Write(files, who, one, new OpenRequest { Access = OpenAccess.Write }, [(offset, bytes), (offset / 2, bytes[..(bytes.Length / 3)])], null)),
            3 => ($"write backwards {one}", files => Write(files, who, one, new OpenRequest { Access = OpenAccess.Write, Create = true }, Backwards(bytes), null)),
            4 => ($"cut and append {one}", files => Write(files, who, one, new OpenRequest { Access = OpenAccess.Write, Append = true }, [(0, bytes)], size)),
            5 => ($"set size {one}", async files => Shape(await files.SetAttributesAsync(who, one, new AttributeChange { Size = size }, true, Ct))),
            6 => ($"mkdir {one}", async files => Shape(await files.MakeFolderAsync(who, one, null, parents: false, Ct))),
            7 => ($"remove {one}", files => Done(files.RemoveFileAsync(who, one, Precondition.None, Ct))),
            8 => ($"rmdir {one} {replace}", files => Done(files.RemoveFolderAsync(who, one, replace, Ct))),
            9 => ($"rename {one} {two} {replace}", async files => Shape(await files.RenameAsync(who, one, two, replace, Ct))),
            10 => ($"copy {one} {two} {replace}", async files => Shape(await files.CopyAsync(who, one, two, replace, Ct))),
            11 => ($"link {one} to {target}", async files => Shape(await files.MakeSymlinkAsync(who, one, Encoding.UTF8.GetBytes(target), Ct))),
            12 => ($"look at {one} {replace}", async files =>
                Timed(await files.StatAsync(who, one, replace, Ct)) + " " + Convert.ToHexString((await files.ReadLinkAsync(who, one, Ct)).Span)),
            13 => ($"attributes of {one} {replace}", async files =>
                Timed(await files.SetAttributesAsync(who, one, new AttributeChange { Mode = size & 0xFFF, ModifiedAt = LongAgo(offset), AccessedAt = LongAgo(size) }, replace, Ct))),
            14 => ($"page through {one}", files => Pages(files, who, replace ? FilePath.Root : one, 1 + (size % 3))),
            _ => ($"read {one}", async files =>
            {
                await using var file = await files.OpenAsync(who, one, new OpenRequest { Access = OpenAccess.Read }, Ct);
                return Convert.ToHexString(await ReadAll(file));
            }
            ),
        };
    }

    private static (long Offset, byte[] Data)[] Backwards(byte[] bytes) =>
        [.. bytes.Chunk(500).Select((piece, i) => ((long)i * 500, piece)).Reverse()];

    private static async Task<string> Write(IFiles files, Principal who, FilePath path, OpenRequest request, (long Offset, byte[] Data)[] writes, long? size)
    {
        await using var file = await files.OpenAsync(who, path, request, Ct);
        if (size is { } to)
        {
            await file.TruncateAsync(to, Ct);
        }

        foreach (var (offset, data) in writes)
        {
            await file.WriteAsync(offset, data, Ct);
        }

        return Shape(await file.CloseAsync(Ct));
    }

    private static async Task<string> Done(Task work)
    {
        await work;
        return "done";
    }

    private static string Shape(NodeInfo node) => $"{node.Kind} {node.Size} {node.Mode}";

    /// <summary>Times that a client set are kept to the nanosecond; those of a change differ from one to the other.</summary>
    private static string Timed(NodeInfo node) => $"{Shape(node)} {(node.ModifiedAt < FileTime.FromSeconds(0) && node.Kind != NodeKind.Folder ? node.ModifiedAt.Nanoseconds : 0)}";

    private static FileTime LongAgo(int number) => FileTime.FromSeconds(-1 - number, number);

    private static async Task<string> Pages(IFiles files, Principal who, FilePath folder, int count)
    {
        var lines = new List<string>();
        for (ListPage? page = null; page is null || page.Next is not null;)
        {
            page = await files.ListAsync(who, folder, new ListRequest { Count = count, Cursor = page?.Next }, Ct);
            lines.AddRange(page.Entries.Select(node => $"{node.Name} {Timed(node)}"));
        }

        return string.Join('\n', lines);
    }

    private static FilePath RandomPath(Random random) =>
        FilePath.From(Enumerable.Range(0, random.Next(1, 4)).Select(_ => FileName.From(s_names[random.Next(s_names.Length)])));

    private static async Task<string> Dump(IFiles files, Principal who, FilePath folder)
    {
        var lines = new List<string>();
        foreach (var node in (await files.ListAsync(who, folder, new ListRequest(), Ct)).Entries)
        {
            var path = folder.Append(node.Name);
            lines.Add($"{path} {Timed(node)}");
            if (node.Kind == NodeKind.Folder)
            {
                lines.Add(await Dump(files, who, path));
            }
            else if (node.Kind == NodeKind.Symlink)
            {
                lines.Add(Convert.ToHexString((await files.ReadLinkAsync(who, path, Ct)).Span));
            }
            else
            {
                await using var file = await files.OpenAsync(who, path, new OpenRequest { Access = OpenAccess.Read }, Ct);
                lines.Add(Convert.ToHexString(await ReadAll(file)));
            }
        }

        return string.Join('\n', lines);
    }

    private static async Task<byte[]> ReadAll(IOpenFile file)
    {
        var all = new MemoryStream();
        var buffer = new byte[1000];
        for (int got; (got = await file.ReadAsync(all.Length, buffer, Ct)) > 0;)
        {
            all.Write(buffer, 0, got);
        }

        return all.ToArray();
    }

    /// <summary>The model or the store, and what is open there.</summary>
    private sealed record Side(IFiles Files)
    {
        public IOpenFile?[] Open { get; } = new IOpenFile?[Slots];
    }
}
