using Fluxd.Core.Chunking;
using Fluxd.Store.Disk;
using Fluxd.Store.Packs.Codecs;

namespace Fluxd.Store.Packs;

/// <summary>Packs as files of a local disk.</summary>
internal sealed class PackStore(IDisk disk, StoreIdentity identity, int openFilesMax = StoreLimits.OpenPacksMax)
    : IPackStore, IDisposable
{
    private const int Folders = 256;

    private readonly PackFiles _files = new(disk, openFilesMax);

    /// <summary>Makes the pack folders of a new store and makes them durable, once and for all: creating a pack
    /// later syncs only its own folder.</summary>
    public static void CreateFolders(IDisk disk)
    {
        disk.CreateDirectory(PackLayout.Folder);
        for (var i = 0; i < Folders; i++)
            disk.CreateDirectory(PackLayout.FolderAt(i));
        disk.SyncDirectory(PackLayout.Folder);
        disk.SyncDirectory("");
    }

    public IPackWriter Create(long pack)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(pack);
        var file = disk.Open(PackLayout.PathOf(pack), DiskMode.CreateNew);
        try
        {
            file.Sync();
            disk.SyncDirectory(PackLayout.FolderOf(pack));
            return new PackWriter(file, pack, identity);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public IPackReader Open(long pack) => _files.Acquire(pack);

    public void Remove(long pack)
    {
        _files.Forget(pack);
        if (disk.Exists(PackLayout.PathOf(pack)))
        {
            disk.Remove(PackLayout.PathOf(pack));
        }

        disk.SyncDirectory(PackLayout.FolderOf(pack));
    }

    public IReadOnlyList<PackFileInfo> List()
    {
        var packs = new List<PackFileInfo>();
        for (var i = 0; i < Folders; i++)
        {
            foreach (var entry in disk.List(PackLayout.FolderAt(i)))
            {
                // A file of another name, or in another pack's folder, isn't a pack: leave it alone.
                if (!entry.IsDirectory && PackLayout.TryParse(entry.Name, out var pack) && (pack & 0xFF) == i)
                    packs.Add(new PackFileInfo(pack, entry.Length));
            }
        }
        packs.Sort((a, b) => a.Pack.CompareTo(b.Pack));
        return packs;
    }

    public IEnumerable<TrailerInfo> Scan(long pack, long from)
    {
        using var reader = Open(pack);
        foreach (var trailer in PackScanner.Scan(reader, from, identity))
            yield return trailer;
    }

    public byte[] ReadJournal(TrailerInfo trailer)
    {
        using var reader = Open(trailer.Pack);
        var bytes = PackScanner.ReadTrailer(reader, trailer.Offset, identity, out var found);
        return bytes is not null && found!.Group == trailer.Group
            ? TrailerFormat.JournalOf(bytes, found).ToArray()
            : throw new PackDamagedException(trailer.Pack, trailer.Offset, "its trailer no longer verifies");
    }

    public IReadOnlyList<int> Verify(TrailerInfo trailer, bool rehash)
    {
        using var reader = Open(trailer.Pack);
        var bad = new List<int>();
        var stored = new byte[trailer.Chunks.Select(c => c.StoredLength).DefaultIfEmpty().Max()];
        var raw = new byte[rehash ? trailer.Chunks.Select(c => c.RawLength).DefaultIfEmpty().Max() : 0];
        var offset = trailer.PayloadOffset;
        for (var i = 0; i < trailer.Chunks.Count; i++)
        {
            var chunk = trailer.Chunks[i];
            if (!IsWhole(reader, chunk, offset, stored, raw, rehash))
                bad.Add(i);
            offset += chunk.StoredLength;
        }
        return bad;
    }

    public bool IsSealed(long pack)
    {
        using var reader = Open(pack);
        return PackScanner.ReadFooter(reader, identity) is not null;
    }

    public bool IsBlank(long pack)
    {
        using var reader = Open(pack);
        return PackScanner.IsBlank(reader, identity);
    }

    public void Cut(long pack, long end)
    {
        if (end == 0)
        {
            Remove(pack);
            return;
        }

        using var file = disk.Open(PackLayout.PathOf(pack), DiskMode.Write);
        Cut(file, end);
    }

    public void SealLeftOpen(long pack, IReadOnlyList<TrailerInfo> keep)
    {
        var end = keep.Count == 0 ? 0 : keep[^1].End;
        using var file = disk.Open(PackLayout.PathOf(pack), DiskMode.Write);
        // Cut first and make that durable: a footer over an old tail could leave trailers that nobody committed.
        Cut(file, end);
        file.Write(FooterFormat.Encode(pack, end, keep, identity), end);
        file.Sync();
    }

    public void Dispose() => _files.Dispose();

    private static void Cut(IDiskFile file, long end)
    {
        file.SetLength(end);
        file.Sync();
    }

    private static bool IsWhole(IPackReader reader, ChunkEntry chunk, long offset, byte[] stored, byte[] raw, bool rehash)
    {
        try
        {
            var bytes = stored.AsSpan(0, chunk.StoredLength);
            reader.Read(bytes, offset);
            if (Crc32C.Of(bytes) != chunk.Crc)
                return false;
            if (!rehash)
                return true;
            var content = raw.AsSpan(0, chunk.RawLength);
            return ChunkDecoder.TryDecode(bytes, chunk.Codec, content) && ChunkHash.Of(content) == chunk.Hash;
        }
        catch (PackDamagedException)
        {
            // It ends too early. What could not be read at all says nothing: the caller hears of that.
            return false;
        }
    }
}
