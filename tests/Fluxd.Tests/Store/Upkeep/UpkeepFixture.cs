using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Store;
using Fluxd.Store.Catalog.Sqlite;
using Fluxd.Store.Disk;
using Fluxd.Store.Files;
using Fluxd.Store.Packs;
using Fluxd.Store.Packs.Codecs;
using Fluxd.Store.Upkeep.Check;
using Fluxd.Store.Upkeep.Copies;
using Fluxd.Store.Upkeep.Gc;
using Fluxd.Store.Upkeep.Scrub;
using Fluxd.Testing;
using SQLitePCL;
using Xunit;

namespace Fluxd.Tests.Store.Upkeep;

/// <summary>
/// A real store in a temporary folder with small packs, Anna's files in it, and short words for upkeep. A path that
/// begins with "bert:" is one of Bert's.
/// </summary>
public abstract class UpkeepFixture : IAsyncLifetime
{
    protected const int TimeoutMs = 180_000;

    private const string Berts = "bert:";

    protected static readonly CancellationToken Ct = CancellationToken.None;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("fluxd-upkeep-");

    internal FluxdStore Store { get; private set; } = null!;

    internal TreeServices Trees { get; private set; } = null!;

    protected Dictionary<string, byte[]> Written { get; } = [];

    protected string Home => At("store");

    internal CatalogCopies Copies => new(Store.CatalogFile, Store.CopiesPath);

    public async Task InitializeAsync()
    {
        await FluxdStore.InitAsync(new StoreOptions { Path = Home });
        var disk = new LocalDisk(Home);
        (StoreManifest.Read(disk)! with { PackBytes = StoreLimits.PackBytesMin }).Write(disk);
        await OpenAsync(Home);
    }

    public async Task DisposeAsync()
    {
        await Store.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    protected string At(string name) => Path.Combine(_folder.FullName, name);

    protected static byte[] Noise(int seed, int length)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    protected async Task OpenAsync(string path, CompressionMode compression = CompressionMode.Auto, TimeProvider? clock = null)
    {
        Store = FluxdStore.Open(new StoreOptions { Path = path, Compression = compression, Clock = clock ?? TimeProvider.System });
        UserInfo[] users = [.. new[] { People.Anna, People.Bert }.Select(who => new UserInfo
        {
            Id = who.UserId, Name = who.UserName, State = UserState.Active, CreatedAt = FileTime.Now(TimeProvider.System),
        })];
        Trees = await TreeServices.OpenAsync(
            new TreeParts(
                Store.Catalog, Store.Contents, Store.Disk, new AccountView(id => Array.Find(users, user => user.Id == id), _ => []), TimeProvider.System,
                () => new RetentionPolicy(), () => true),
            Ct);
    }

    protected async Task Reopen(string? path = null, CompressionMode compression = CompressionMode.Auto, TimeProvider? clock = null)
    {
        await Store.DisposeAsync();
        await OpenAsync(path ?? Home, compression, clock);
    }

    private static (Principal Who, FilePath Path) Spot(string path) =>
        path.StartsWith(Berts, StringComparison.Ordinal) ? (People.Bert, FilePath.Parse(path[Berts.Length..])) : (People.Anna, FilePath.Parse(path));

    protected async Task Put(string path, byte[] bytes)
    {
        var request = new OpenRequest { Access = OpenAccess.Write, Create = true, Truncate = true };
        var (who, at) = Spot(path);
        await using var file = await Trees.Files.OpenAsync(who, at, request, Ct);
        await file.WriteAsync(0, bytes, Ct);
        await file.CloseAsync(Ct);
        Written[path] = bytes;
    }

    protected async Task<byte[]> Get(string path)
    {
        var (who, at) = Spot(path);
        await using var file = await Trees.Files.OpenAsync(who, at, new OpenRequest { Access = OpenAccess.Read }, Ct);
        var bytes = new byte[Written[path].Length + 1];
        var got = 0;
        while (await file.ReadAsync(got, bytes.AsMemory(got), Ct) is > 0 and var count)
        {
            got += count;
        }

        return bytes[..got];
    }

    /// <summary>Small and big files, doubles, versions, and a removed one, over more than one pack.</summary>
    protected async Task Work(int seed = 1)
    {
        await Trees.Files.MakeFolderAsync(People.Anna, FilePath.Parse("/docs"), null, parents: true, Ct);
        await Put("/empty", []);
        await Put("/small", Noise(seed, 200));
        await Put("/docs/middle", Noise(seed + 1, 90_000));
        await Put("/docs/double", Noise(seed + 1, 90_000));
        await Put("/zeros", new byte[2_000_000]);
        await Put("/big", Noise(seed + 2, 11_000_000));
        await Put("/docs/changed", Noise(seed + 3, 300_000));
        await Put("/docs/changed", Noise(seed + 4, 310_000));
        await Put("/gone", Noise(seed + 5, 50_000));
        await Trees.Files.RemoveFileAsync(People.Anna, FilePath.Parse("/gone"), Precondition.None, Ct);
        Written.Remove("/gone");
    }

    protected async Task EverythingReads()
    {
        foreach (var (path, bytes) in Written)
        {
            var got = await Get(path);
            Assert.True(bytes.AsSpan().SequenceEqual(got), path);
        }
    }

    internal Task<CheckReport> Check(bool readData) => new StoreCheck(Store.CatalogFile, Store.Packs).RunAsync(readData, Ct);

    internal async Task IsClean(bool readData = true)
    {
        var report = await Check(readData);
        Assert.True(report.IsClean, string.Join('\n', report.Findings));
    }

    /// <summary>What was written is all there, before and after another start.</summary>
    protected async Task IsWholeAlsoAfterAReopening()
    {
        await EverythingReads();
        await IsClean();
        await Reopen();
        await EverythingReads();
    }

    internal Task<ScrubReport> Scrub() => new Scrubber(Store.Catalog, Store.Packs, TimeProvider.System, bytesPerSecond: 0).RunAsync(FileTime.Now(TimeProvider.System), long.MaxValue, _ => { }, Ct);

    protected Task ForgetThePast() => PastEraser.RunAsync(Store.Catalog);

    protected async Task Remove(string path)
    {
        var (who, at) = Spot(path);
        await Trees.Files.RemoveFileAsync(who, at, Precondition.None, Ct);
        Written.Remove(path);
    }

    internal GcParts GcParts => new(
        Store.Catalog, Store.Packs, TimeProvider.System,
        () => (Copies.OldestGroup, Copies.List() is [var newest, ..] ? newest.Group : null), ct => Copies.MakeAsync(ct), _ => { }, StoreLimits.PackBytesMin);

    internal Task<GcReport> Gc(bool hurry = true, bool dryRun = false, Func<GcSeam, ValueTask>? seam = null) =>
        new GarbageCollector(GcParts, new GcRequest { Hurry = hurry, DryRun = dryRun, MoveBytesPerSecond = 0 }) { Seam = seam ?? (_ => default) }.RunAsync(Ct);

    internal long PackFileBytes => Store.Packs.List().Sum(pack => pack.Length);

    internal Task<BackupReport> Backup(string to) => new StoreBackup(Store.StorePath, Store.CatalogFile).RunAsync(At(to), (_, _) => { }, Ct);

    /// <summary>Changes one byte in the middle of a chunk that a file's newest version is made of. The store is opened anew, so that packs are sealed.</summary>
    protected async Task Flip(string path)
    {
        await Reopen();
        var (pack, at) = PlaceOf(path);
        await using (var file = new FileStream(Path.Combine(Home, PackLayout.PathOf(pack)), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
        {
            file.Position = at;
            var old = file.ReadByte();
            file.Position = at;
            file.WriteByte((byte)(old ^ 1));
        }

        await Reopen();
    }

    private (long Pack, long Offset) PlaceOf(string path)
    {
        using var catalog = Database.Open(Store.CatalogFile, raw.SQLITE_OPEN_READONLY);
        using var recipe = catalog.Sql("""
            SELECT coalesce(content.recipe, (SELECT runs FROM content_part WHERE content = content.id ORDER BY start LIMIT 1))
            FROM node JOIN version ON version.id = node.version JOIN content ON content.id = version.content WHERE node.name = ?1
            """).Bind(System.Text.Encoding.UTF8.GetBytes(path[(path.LastIndexOf('/') + 1)..]));
        Assert.True(recipe.Step());
        var (first, _) = Fluxd.Store.Content.Recipe.Decode(recipe.Bytes(0)).First();
        using var chunk = catalog.Sql("SELECT pack, off + stored / 2 FROM chunk WHERE id = ?1").Bind(first);
        Assert.True(chunk.Step());
        return (chunk.Long(0), chunk.Long(1));
    }
}
