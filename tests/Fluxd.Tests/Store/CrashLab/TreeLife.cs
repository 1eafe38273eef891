using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Store.Disk;
using Fluxd.Store.Files;
using Fluxd.Store.Upkeep.Check;
using Fluxd.Testing;
using Fluxd.Tests.Store.Content;
using Fluxd.Tests.Store.Uploads;
using Xunit;

namespace Fluxd.Tests.Store.CrashLab;

/// <summary>
/// A user's life with a store, through the services that frontends have: files made, replaced, changed in the middle,
/// renamed, copied, removed and restored, folders moved and removed whole, uploads with parts out of order. Then time goes
/// by: versions are thinned, the trash and what nobody finished expire, garbage is collected, while an upload lives on
/// pieces of a file that is gone.
/// </summary>
internal sealed class TreeLife
{
    private static readonly CancellationToken Ct = CancellationToken.None;

    private static readonly RetentionPolicy s_policy = new() { Keep = TimeSpan.FromDays(3), KeepUploads = TimeSpan.FromDays(7) };

    private readonly TestStore _store;
    private readonly TreeServices _trees;
    private readonly Ledger _ledger;

    private TreeLife(TestStore store, TreeServices trees, Ledger ledger) => (_store, _trees, _ledger) = (store, trees, ledger);

    private static Principal Anna => People.Anna;

    internal static async Task Run(TestStore store, Ledger ledger) => await (await BeginAsync(store, ledger)).Live();

    /// <summary>The services are there, nothing was done with them.</summary>
    internal static async Task<TreeLife> BeginAsync(TestStore store, Ledger ledger) => new(store, await Open(store, ledger), ledger);

    /// <summary>What was acknowledged is there and nothing else is; open uploads can be finished; the store finds no fault in itself.</summary>
    internal static async Task Verify(TestStore store, Ledger ledger, string where)
    {
        var trees = await Open(store, ledger);
        await CrashLab.CheckNames(ledger, path => Find(trees, path), where);
        await CheckNothingElse(trees, ledger, where);
        foreach (var (id, (whole, durable)) in ledger.Sessions)
        {
            await Finish(trees, id, whole, durable, ledger.Deltas.Contains(id), where);
        }

        var report = await new StoreCheck(store.Path, store.Packs).RunAsync(readData: true, Ct);
        Assert.True(!report.HasDamage, $"{where}: {string.Join("; ", report.Findings.Where(finding => finding.IsDamage).Select(finding => finding.What))}");
    }

    /// <summary>A store that still runs: every name is as told, and it takes a new one.</summary>
    internal static async Task VerifyNames(TestStore store, Ledger ledger, string where)
    {
        var trees = await Open(store, ledger);
        await CrashLab.CheckNames(ledger, path => Find(trees, path), where);
        await CheckNothingElse(trees, ledger, where);
        await new TreeLife(store, trees, ledger).Put("/after", Steps.Noise(8, 30_000));
    }

    internal static Task<TreeServices> Open(TestStore store, Ledger ledger)
    {
        var accounts = new AccountView(id => new UserInfo { Id = id, Name = "anna", State = UserState.Active }, _ => []);
        return TreeServices.OpenAsync(
            new TreeParts(store.Catalog, store.Contents, store.Disk, accounts, ledger.Clock, () => s_policy, () => true), Ct);
    }

    internal async Task Live()
    {
        await _trees.Files.MakeFolderAsync(Anna, P("/docs"), null, parents: false, Ct);
        await Put("/docs/tiny", Steps.Noise(1, 100));
        await Put("/docs/small", Steps.Noise(2, 20_000));
        await Put("/docs/small", Steps.Noise(3, 21_000));
        await Put("/big", Steps.Noise(4, 1_500_000));
        await ChangeInTheMiddle("/big");
        await Rename("/docs/tiny", "/docs/renamed");
        await Rename("/docs/renamed", "/docs/small");
        await _ledger.Do("/copy", _ledger.Expected("/big"), () => _trees.Files.CopyAsync(Anna, P("/big"), P("/copy"), replace: false, Ct));
        await MoveFolder();
        await Upload("/up", Steps.Noise(5, 700_000), finish: true);
        await _ledger.Do("/copy", null, () => _trees.Files.RemoveFileAsync(Anna, P("/copy"), Precondition.None, Ct));
        await RestoreFromTrash("/copy", _ledger.Expected("/big"));
        await RestoreFirstVersion("/big", Steps.Noise(4, 1_500_000));
        await Put("/same", Steps.Noise(4, 1_500_000));
        await _ledger.Do("/papers/small", null, () => _trees.Files.RemoveFolderAsync(Anna, P("/papers"), recursive: true, Ct));
        var later = await Upload("/later", Steps.Noise(6, 400_000), finish: false);
        await Put("/last", Steps.Noise(7, 3_000));
        await PassTime(later);
    }

    private async Task PassTime(UploadId unfinished)
    {
        var (below, fresh) = (Steps.Noise(20, 400_000), Steps.Noise(21, 40_000));
        await Put("/below", below);
        _ledger.Clock.Advance(TimeSpan.FromDays(4));
        for (var i = 0; i < 3; i++)
        {
            await Put("/notes", Steps.Noise(10 + i, 30_000));
            _ledger.Clock.Advance(TimeSpan.FromMinutes(15));
        }

        byte[] whole = [.. below[..200_000], .. fresh, .. below[200_000..]];
        var (delta, rest) = await BeginDelta("/delta", whole);
        await _ledger.Do("/below", null, () => _trees.Files.RemoveFileAsync(Anna, P("/below"), Precondition.None, Ct));
        _ledger.Clock.Advance(TimeSpan.FromDays(1.5));
        var first = await _trees.Keeper.RunAsync(Ct);
        Assert.True(first is { Removed: > 0, Versions: > 0, Thinned: > 0 }, first.ToString());
        _ledger.Clock.Advance(TimeSpan.FromDays(2));
        _ledger.Sessions.Remove(unfinished);
        var second = await _trees.Keeper.RunAsync(Ct);
        Assert.True(second is { Removed: > 0, Uploads: > 0 }, second.ToString());
        await Collect();
        _ledger.Sessions[delta] = (whole, await DeltaSteps.AppendAsync(_trees, Anna, delta, rest));
        await _ledger.Do("/delta", whole, () => _trees.Uploads.CompleteAsync(Anna, delta, Ct));
        _ledger.Sessions.Remove(delta);
        await Put("/below", below);
    }

    /// <summary>Asks what need not be sent, sends what must, and appends a half.</summary>
    private async Task<(UploadId Id, IReadOnlyList<(ChunkRef Step, int At)> Unsent)> BeginDelta(string path, byte[] whole)
    {
        var pieces = DeltaSteps.Cut(whole);
        var id = (await _trees.Uploads.CreateAsync(Anna, new UploadRequest { Target = P(path), Size = whole.Length }, Ct)).Id;
        _ledger.Deltas.Add(id);
        _ledger.Sessions[id] = (whole, 0);
        var promised = await DeltaSteps.AskAndPutAsync(_trees, Anna, id, whole, pieces);
        Assert.True(promised.Contains(true) && promised.Contains(false), "a file that is half known");
        _ledger.Sessions[id] = (whole, await DeltaSteps.AppendAsync(_trees, Anna, id, pieces[..(pieces.Count / 2)]));
        return (id, pieces[(pieces.Count / 2)..]);
    }

    /// <summary>A collector that the disk stops leaves the rest to the next; its user goes on.</summary>
    private async Task Collect()
    {
        try
        {
            await Steps.Collect(_store);
        }
        catch (DiskException)
        {
            // The house puts it in words for whoever asked.
        }
    }

    private Task Put(string path, byte[] bytes) => _ledger.Do(path, bytes, async () =>
    {
        await using var file = await _trees.Files.OpenAsync(Anna, P(path), new OpenRequest { Access = OpenAccess.Write, Create = true, Truncate = true }, Ct);
        for (var at = 0; at < bytes.Length; at += 64 << 10)
        {
            await file.WriteAsync(at, bytes.AsMemory(at, Math.Min(64 << 10, bytes.Length - at)), Ct);
        }

        await file.CloseAsync(Ct);
    });

    private async Task ChangeInTheMiddle(string path)
    {
        var bytes = _ledger.Expected(path)!.ToArray();
        await using var file = await _trees.Files.OpenAsync(Anna, P(path), new OpenRequest { Access = OpenAccess.ReadWrite }, Ct);
        foreach (var (at, length) in new[] { (700_001, 3_000), (100, 5), (1_400_000, 90_000) })
        {
            Steps.Noise(at, length).CopyTo(bytes, at);
            await file.WriteAsync(at, bytes.AsMemory(at, length), Ct);
        }

        await _ledger.Do(path, [.. bytes], () => file.FsyncAsync(Ct));
        await file.TruncateAsync(1_200_000, Ct);
        await _ledger.Do(path, bytes[..1_200_000], () => file.CloseAsync(Ct));
    }

    private Task Rename(string from, string to) => _ledger.Do(
        new Dictionary<string, byte[]?> { [from] = null, [to] = _ledger.Expected(from) },
        () => _trees.Files.RenameAsync(Anna, P(from), P(to), replace: true, Ct));

    private Task MoveFolder() => _ledger.Do(
        new Dictionary<string, byte[]?> { ["/docs/small"] = null, ["/papers/small"] = _ledger.Expected("/docs/small") },
        () => _trees.Files.RenameAsync(Anna, P("/docs"), P("/papers"), replace: false, Ct));

    private async Task RestoreFromTrash(string path, byte[]? bytes)
    {
        var trash = await _trees.Versions.ListTrashAsync(Anna, null, 10, Ct);
        var entry = trash.Entries.First(entry => entry.Path.Equals(P(path)));
        await _ledger.Do(path, bytes, () => _trees.Versions.RestoreTrashAsync(Anna, entry.NodeId, null, Ct));
    }

    private async Task RestoreFirstVersion(string path, byte[] bytes)
    {
        var versions = await _trees.Versions.ListAsync(Anna, P(path), Ct);
        await _ledger.Do(path, bytes, () => _trees.Versions.RestoreAsync(Anna, P(path), versions[^1].Version, Ct));
    }

    private async Task<UploadId> Upload(string path, byte[] bytes, bool finish)
    {
        var request = new UploadRequest { Target = P(path), Size = bytes.Length, WantSha256 = true };
        var id = (await _trees.Uploads.CreateAsync(Anna, request, Ct)).Id;
        _ledger.Sessions[id] = (bytes, 0);
        await using (var writer = await _trees.Uploads.OpenAsync(Anna, id, Ct))
        {
            await writer.WriteAsync(bytes.AsMemory(0, 150_000), Ct);
            _ledger.Sessions[id] = (bytes, (int)await writer.FlushAsync(Ct));
            await writer.WriteAtAsync(300_000, bytes.AsMemory(300_000, 50_000), Ct);
            await writer.FlushAsync(Ct);
            await writer.WriteAsync(bytes.AsMemory(150_000, 150_000), Ct);
            _ledger.Sessions[id] = (bytes, (int)await writer.FlushAsync(Ct));
            if (finish)
            {
                var offset = (int)writer.Offset;
                await writer.WriteAsync(bytes.AsMemory(offset), Ct);
            }

            _ledger.Sessions[id] = (bytes, (int)await writer.FlushAsync(Ct));
        }

        if (finish)
        {
            await _ledger.Do(path, bytes, () => _trees.Uploads.CompleteAsync(Anna, id, Ct));
            _ledger.Sessions.Remove(id);
        }

        return id;
    }

    private static async Task Finish(TreeServices trees, UploadId id, byte[] whole, int durable, bool isDelta, string where)
    {
        var info = await trees.Uploads.GetAsync(Anna, id, Ct);
        if (info.State == UploadState.Open)
        {
            Assert.True(info.DurableOffset >= durable, $"{where}: {durable} bytes of an upload were told durable and {info.DurableOffset} are there");
            await SendRest(trees, id, whole, (int)info.DurableOffset, isDelta);
            await trees.Uploads.CompleteAsync(Anna, id, Ct);
        }

        Assert.True(CrashLab.Same(await Find(trees, info.Target.ToString()), whole), $"{where}: an upload's bytes are damaged");
    }

    private static async Task SendRest(TreeServices trees, UploadId id, byte[] whole, int durable, bool isDelta)
    {
        var rest = isDelta ? DeltaSteps.Cut(whole).Where(piece => piece.At >= durable).ToList() : [];
        if (rest.Count > 0)
        {
            await DeltaSteps.AskAndPutAsync(trees, Anna, id, whole, rest);
            await DeltaSteps.AppendAsync(trees, Anna, id, rest);
            return;
        }

        await using var writer = await trees.Uploads.OpenAsync(Anna, id, Ct);
        await writer.WriteAsync(whole.AsMemory(durable), Ct);
        await writer.FlushAsync(Ct);
    }

    private static async Task CheckNothingElse(TreeServices trees, Ledger ledger, string where)
    {
        var known = ledger.Acknowledged.Where(entry => entry.Value is not null).Select(entry => entry.Key)
            .Concat(ledger.Asked.SelectMany(asked => asked.Keys)).ToHashSet();
        var folders = new Stack<FilePath>([FilePath.Root]);
        while (folders.TryPop(out var folder))
        {
            foreach (var node in (await trees.Files.ListAsync(Anna, folder, new ListRequest(), Ct)).Entries)
            {
                var path = folder.Append(node.Name);
                if (node.Kind == NodeKind.Folder)
                {
                    folders.Push(path);
                }
                else
                {
                    Assert.True(known.Contains(path.ToString()), $"{where}: nobody made {path}");
                }
            }
        }
    }

    private static async Task<byte[]?> Find(TreeServices trees, string path)
    {
        try
        {
            await using var file = await trees.Files.OpenAsync(Anna, P(path), new OpenRequest { Access = OpenAccess.Read }, Ct);
            var bytes = new byte[(await file.StatAsync(Ct)).Size + 1];
            var length = 0;
            while (await file.ReadAsync(length, bytes.AsMemory(length), Ct) is > 0 and var got)
            {
                length += got;
            }

            return bytes[..length];
        }
        catch (FluxException e) when (e.Error == FluxError.NotFound)
        {
            return null;
        }
    }

    private static FilePath P(string path) => FilePath.Parse(path);
}
