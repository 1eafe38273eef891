using Fluxd.Store;
using Fluxd.Store.Catalog;
using Fluxd.Store.Catalog.Index;
using Fluxd.Store.Content;
using Fluxd.Store.Disk;
using Fluxd.Store.Packs;
using Fluxd.Store.Packs.Codecs;
using Fluxd.Testing.Disk;

namespace Fluxd.Tests.Store.Content;

/// <summary>
/// A store whose packs are on a model disk and whose catalogue is in a temporary folder, and what is left of both
/// when the power goes.
/// </summary>
internal sealed class TestStore : IAsyncDisposable
{
    internal const long PackBytes = 8 << 20;

    // So small that every few chunks are merged: what a crash interrupts is often a merge.
    private static readonly IndexSizes s_index = new(Recent: 8, Slice: 5, FirstTier: 20);

    private readonly string _folder;
    private readonly bool _ownsFolder;
    private readonly StoreManifest _manifest;
    private bool _isOver;

    private TestStore(string folder, bool ownsFolder, string path, IDisk disk, StoreManifest manifest, bool create, CompressionMode compression, IndexSizes index, SpaceGuard? guard = null)
    {
        (_folder, _ownsFolder, Path, Disk, _manifest) = (folder, ownsFolder, path, disk, manifest);
        if (create)
        {
            PackStore.CreateFolders(disk);
        }

        Packs = new PackStore(disk, manifest.Identity);
        Catalog = SqliteCatalog.Open(new CatalogOptions(path, TimeProvider.System)
        {
            Create = create,
            Packs = Packs,
            PackBytes = PackBytes,
            Index = index,
            Room = guard?.Room,
            CopyBeforeMigration = step => $"{path}.before-{step}",
        });
        Contents = new ContentStore(Catalog, Packs, compression) { RequireRoom = bytes => guard?.RequireRoom(bytes) };
    }

    internal string Path { get; }

    internal IDisk Disk { get; }

    internal PackStore Packs { get; }

    internal SqliteCatalog Catalog { get; }

    internal ContentStore Contents { get; }

    internal static TestStore Create(IDisk disk, CompressionMode compression = CompressionMode.Auto, IndexSizes? index = null)
    {
        var folder = QuickFolder.Create("fluxd-content-").FullName;
        return new TestStore(folder, true, System.IO.Path.Combine(folder, "catalog.db"), disk, StoreManifest.CreateNew(), true, compression, index ?? s_index);
    }

    /// <summary>All of it in one folder of a real disk, whose room somebody looks after.</summary>
    internal static TestStore CreateIn(string folder, IDisk disk, SpaceGuard guard) =>
        new(folder, false, System.IO.Path.Combine(folder, "catalog.db"), disk, StoreManifest.CreateNew(), true, CompressionMode.Auto, s_index, guard);

    /// <summary>What starts after a power cut: the catalogue's file with any beginning of its write-ahead log, and what the disk kept.</summary>
    /// <param name="change">Done to the catalogue before it is opened.</param>
    internal async Task<TestStore> RestartAfterCut(IDisk disk, double walKept, Action<string>? change = null)
    {
        var path = System.IO.Path.Combine(_folder, $"after-{Guid.NewGuid():n}.db");
        await Abandon();
        File.Copy(Path, path);
        if (File.Exists(Path + "-wal"))
        {
            var wal = await File.ReadAllBytesAsync(Path + "-wal");
            await File.WriteAllBytesAsync(path + "-wal", wal[..(int)(wal.Length * walKept)]);
        }

        change?.Invoke(path);
        return new TestStore(_folder, false, path, disk, _manifest, false, CompressionMode.Auto, s_index);
    }

    /// <summary>Ends as a killed process does.</summary>
    internal async Task Abandon()
    {
        if (!_isOver)
        {
            _isOver = true;
            await Catalog.AbandonAsync();
        }
    }

    internal async Task<byte[]> ReadAll(long content, long size)
    {
        var bytes = new byte[size + 1];
        var got = await Contents.ReadAsync(content, 0, bytes, CancellationToken.None);
        return bytes[..got];
    }

    public async ValueTask DisposeAsync()
    {
        if (!_isOver)
        {
            _isOver = true;
            await Catalog.DisposeAsync();
        }

        if (_ownsFolder)
        {
            Directory.Delete(_folder, recursive: true);
            return;
        }

        foreach (var file in Directory.GetFiles(_folder, System.IO.Path.GetFileName(Path) + "*"))
        {
            File.Delete(file);
        }
    }
}
