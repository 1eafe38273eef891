using Fluxd.Store.Catalog;
using Fluxd.Store.Catalog.Log;
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
    public static async Task<bool> HealAsync(SqliteCatalog catalog, IPackStore packs, ChunkRow chunk, CancellationToken ct) =>
        await Twins.FindAsync(catalog, packs, chunk, _ => true, ct) is { } twin
            && await catalog.MoveChunksAsync(transaction => Twins.TryShare(transaction, chunk.Id, twin), ct);

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
