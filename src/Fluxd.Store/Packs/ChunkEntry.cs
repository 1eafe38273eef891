using Fluxd.Core.Chunking;

namespace Fluxd.Store.Packs;

/// <summary>How a chunk's bytes are stored. The numbers are on disk.</summary>
internal enum ChunkCodec : byte
{
    Raw = 0,
    Zstd = 1,
}

/// <summary>A chunk as a trailer lists it. Its place follows from the lengths of those before it.</summary>
/// <param name="Hash">SHA-256 of the raw bytes.</param>
/// <param name="RawLength">Bytes before compression.</param>
/// <param name="StoredLength">Bytes in the pack.</param>
/// <param name="Codec">How to get from the one to the other.</param>
/// <param name="Crc">CRC32C of the stored bytes.</param>
internal readonly record struct ChunkEntry(ChunkHash Hash, int RawLength, int StoredLength, ChunkCodec Codec, uint Crc);
