using Fluxd.Store.Catalog;
using Fluxd.Store.Catalog.Log;
using Fluxd.Store.Disk;
using Fluxd.Store.Packs;

namespace Fluxd.Store.Upkeep;

/// <summary>
/// A damaged chunk is flagged and stays where it is: it counts as absent when somebody uploads the same bytes, so any
/// upload heals; and nothing is ever removed because of damage.
/// </summary>
internal static class BadChunks
{
    public static Task<int> FlagAsync(SqliteCatalog catalog, IReadOnlyList<ChunkRow> chunks, CancellationToken ct) =>
        SetAsync(catalog, chunks, bad: true, ct);

    /// <summary>It was read whole after all (a loose cable, a controller that recovered).</summary>
    public static Task<int> ClearAsync(SqliteCatalog catalog, IReadOnlyList<ChunkRow> chunks, CancellationToken ct) =>
        SetAsync(catalog, chunks, bad: false, ct);

    /// <summary>Gives the chunk the place of a whole one with the same bytes, if there is one by now.</summary>
    public static async Task<bool> HealAsync(SqliteCatalog catalog, IPackStore packs, ChunkRow chunk, CancellationToken ct)
    {
        var place = await catalog.ReadAsync(reader => catalog.Index.FindHint(reader, chunk.Hash) is { } id && id != chunk.Id ? PackChunks.Place(reader, id) : null, ct);
        if (place is not { } twin || !IsWhole(packs, twin.Pack, twin.Chunk))
        {
            return false;
        }

        return await catalog.MoveChunksAsync(transaction => IsStillThere(transaction, twin.Pack, twin.Chunk) && Move(transaction, chunk.Id, twin.Pack, twin.Chunk), ct);
    }

    private static bool IsWhole(IPackStore packs, long pack, in ChunkRow chunk)
    {
        try
        {
            using var file = packs.Open(pack);
            return ChunkCheck.Read(file, chunk, new byte[chunk.Stored]);
        }
        catch (Exception e) when (e is PackDamagedException or DiskException)
        {
            return false;
        }
    }

    /// <summary>The place was looked at before this write: it must be a place of the store still.</summary>
    private static bool IsStillThere(CatalogTransaction transaction, long pack, ChunkRow twin)
    {
        using var row = transaction.Sql("SELECT 1 FROM chunk JOIN pack ON pack.id = chunk.pack WHERE chunk.id = ?1 AND chunk.pack = ?2 AND chunk.off = ?3 AND pack.state <> 2")
            .Bind(twin.Id).Bind(pack).Bind(twin.Offset);
        return row.Step();
    }

    private static bool Move(CatalogTransaction transaction, long chunk, long pack, ChunkRow twin)
    {
        using (var move = transaction.Sql("UPDATE chunk SET pack = ?2, off = ?3, stored = ?4, crc = ?5, flags = ?6 WHERE id = ?1")
            .Bind(chunk).Bind(pack).Bind(twin.Offset).Bind(twin.Stored).Bind(twin.Crc).Bind(twin.Flags))
        {
            move.Run();
        }

        using var range = transaction.Sql("INSERT INTO pack_range(pack, first, count) VALUES (?1, ?2, 1) ON CONFLICT(pack, first) DO NOTHING").Bind(pack).Bind(chunk);
        range.Run();
        return true;
    }

    private static Task<int> SetAsync(SqliteCatalog catalog, IReadOnlyList<ChunkRow> chunks, bool bad, CancellationToken ct) => catalog.MoveChunksAsync(
        transaction =>
        {
            foreach (var chunk in chunks)
            {
                using var set = transaction.Sql("UPDATE chunk SET flags = (flags & ~?2) | ?3 WHERE id = ?1")
                    .Bind(chunk.Id).Bind(ChunkFlags.Bad).Bind(bad ? ChunkFlags.Bad : 0);
                set.Run();
            }

            if (bad)
            {
                transaction.AfterCommit(() => catalog.Index.Forget(chunks.Select(chunk => (chunk.Hash, chunk.Id))));
            }

            return chunks.Count;
        },
        ct);
}
