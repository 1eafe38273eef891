using System.Buffers;
using Fluxd.Core.Chunking;
using Fluxd.Store.Catalog.Log;
using Fluxd.Store.Disk;
using Fluxd.Store.Packs;
using Fluxd.Store.Packs.Codecs;

namespace Fluxd.Store.Upkeep;

/// <summary>Does a chunk on the disk hold what its row says? By checksum and by hash.</summary>
internal static class ChunkCheck
{
    /// <summary>Reads the stored bytes into <paramref name="stored"/>; false when they are missing or not what was written.</summary>
    public static bool Read(IPackReader pack, in ChunkRow chunk, Span<byte> stored)
    {
        try
        {
            pack.Read(stored, chunk.Offset);
        }
        catch (Exception e) when (e is PackDamagedException or DiskException { Fault: DiskFault.Failed })
        {
            return false;
        }

        return Crc32C.Of(stored) == chunk.Crc && HashOf(chunk, stored) == chunk.Hash;
    }

    private static ChunkHash? HashOf(in ChunkRow chunk, ReadOnlySpan<byte> stored)
    {
        var codec = (ChunkCodec)(chunk.Flags & ChunkFlags.CodecMask);
        if (codec == ChunkCodec.Raw)
        {
            return stored.Length == chunk.Raw ? ChunkHash.Of(stored) : null;
        }

        var raw = ArrayPool<byte>.Shared.Rent(chunk.Raw);
        try
        {
            return ChunkDecoder.TryDecode(stored, codec, raw.AsSpan(0, chunk.Raw)) ? ChunkHash.Of(raw.AsSpan(0, chunk.Raw)) : null;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(raw);
        }
    }
}
