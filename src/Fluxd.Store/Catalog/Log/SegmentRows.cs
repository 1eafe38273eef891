using Fluxd.Core.Chunking;
using Fluxd.Store.Catalog.Sqlite;
using Fluxd.Store.Packs;

namespace Fluxd.Store.Catalog.Log;

/// <summary>The rows that a segment means: its chunks, its pack, the pack's range of ids. Written alike at commit and at replay.</summary>
internal static class SegmentRows
{
    internal static void Insert(Database database, TrailerInfo trailer)
    {
        InsertChunks(database, trailer);
        using var pack = database.Sql("""
            INSERT INTO pack(id, state, len, last_group) VALUES (?1, 0, ?2, ?3)
            ON CONFLICT(id) DO UPDATE SET len = excluded.len, last_group = excluded.last_group
            """).Bind(trailer.Pack).Bind(trailer.End).Bind(trailer.Group);
        pack.Run();
        if (trailer.Chunks.Count > 0)
        {
            ExtendRange(database, trailer);
        }
    }

    internal static void SetSealed(Database database, long pack, long? length = null)
    {
        // A doomed one stays doomed, whatever a replay finds in it.
        using var row = database.Sql("UPDATE pack SET state = iif(state = 2, 2, 1), len = coalesce(?2, len) WHERE id = ?1").Bind(pack).Bind(length);
        row.Run();
    }

    private static void InsertChunks(Database database, TrailerInfo trailer)
    {
        using var insert = database.Sql(
            "INSERT INTO chunk(id, hash, pack, off, raw, stored, crc, flags) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
        Span<byte> hash = stackalloc byte[ChunkHash.Size];
        var offset = trailer.PayloadOffset;
        for (var i = 0; i < trailer.Chunks.Count; i++)
        {
            var chunk = trailer.Chunks[i];
            chunk.Hash.CopyTo(hash);
            insert.Again().Bind(trailer.FirstChunkId + i).Bind(hash).Bind(trailer.Pack).Bind(offset)
                .Bind(chunk.RawLength).Bind(chunk.StoredLength).Bind(chunk.Crc).Bind((long)chunk.Codec).Run();
            offset += chunk.StoredLength;
        }
    }

    private static void ExtendRange(Database database, TrailerInfo trailer)
    {
        using var extend = database.Sql("UPDATE pack_range SET count = count + ?3 WHERE pack = ?1 AND first + count = ?2")
            .Bind(trailer.Pack).Bind(trailer.FirstChunkId).Bind(trailer.Chunks.Count);
        if (extend.Run() == 0)
        {
            using var insert = database.Sql("INSERT INTO pack_range(pack, first, count) VALUES (?1, ?2, ?3)")
                .Bind(trailer.Pack).Bind(trailer.FirstChunkId).Bind(trailer.Chunks.Count);
            insert.Run();
        }
    }
}
