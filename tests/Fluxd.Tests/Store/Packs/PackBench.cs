using Fluxd.Core.Chunking;
using Fluxd.Store;
using Fluxd.Store.Disk;
using Fluxd.Store.Packs;
using Fluxd.Testing.Disk;

namespace Fluxd.Tests.Store.Packs;

/// <summary>A pack store on a model disk, and chunks to put into it.</summary>
internal sealed class PackBench
{
    public PackBench(IDisk? disk = null, StoreIdentity? identity = null)
    {
        Disk = disk ?? new ModelDisk();
        Identity = identity ?? NewIdentity();
        if (!Disk.Exists(PackLayout.Folder))
            PackStore.CreateFolders(Disk);
        Packs = new PackStore(Disk, Identity);
    }

    public IDisk Disk { get; }

    public StoreIdentity Identity { get; }

    public PackStore Packs { get; }

    public static StoreIdentity NewIdentity() => StoreManifest.CreateNew().Identity;

    public static byte[] Bytes(int length, int seed)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    public static ChunkEntry Entry(ReadOnlySpan<byte> raw) =>
        new(ChunkHash.Of(raw), raw.Length, raw.Length, ChunkCodec.Raw, Crc32C.Of(raw));

    public static long Append(IPackWriter writer, byte[] chunk) => writer.Append(chunk, [Entry(chunk)]);

    /// <summary>A pack of some segments, each of some chunks and a journal record; left open, synced.</summary>
    public IReadOnlyList<TrailerInfo> Fill(long pack, int segments, int seed, bool seal = false)
    {
        var random = new Random(seed);
        var trailers = new List<TrailerInfo>();
        using var writer = Packs.Create(pack);
        long id = 1;
        for (var s = 0; s < segments; s++)
        {
            for (var c = random.Next(1, 4); c > 0; c--)
                Append(writer, Bytes(random.Next(1, 9000), random.Next()));
            trailers.Add(writer.FinishSegment(s + 1, id, Bytes(random.Next(3) == 0 ? 9000 : random.Next(200), s)));
            id += trailers[^1].Chunks.Count;
            writer.Sync();
        }
        if (seal)
            writer.Seal();
        return trailers;
    }

    public byte[] File(long pack)
    {
        using var file = Disk.Open(PackLayout.PathOf(pack), DiskMode.Read);
        var bytes = new byte[file.Length];
        file.Read(bytes, 0);
        return bytes;
    }

    public void Overwrite(long pack, long offset, params byte[] bytes)
    {
        using var file = Disk.Open(PackLayout.PathOf(pack), DiskMode.Write);
        file.Write(bytes, offset);
        file.Sync();
    }

    public IReadOnlyList<long> FoundOffsets(long pack, long from = 0) => [.. Packs.Scan(pack, from).Select(t => t.Offset)];

}
