using Fluxd.Core.Chunking;
using Fluxd.Core.Uploads;
using Fluxd.Store.Catalog;
using Fluxd.Store.Catalog.Index;
using Fluxd.Store.Catalog.Log;

namespace Fluxd.Store.Uploads;

/// <summary>
/// "You have it": rows that hold chunks for one session until it ends, so that a yes is still one after a restart, and
/// whatever runs at the same time. A session's recipes find chunks among these and nowhere else.
/// </summary>
internal sealed class Leases(SqliteCatalog catalog)
{
    // Looking hashes up reads random pages; a read may not take long.
    private const int HashesPerRead = 512;

    /// <summary>Chunks with these hashes that the session was promised.</summary>
    public Task<Dictionary<ChunkHash, long>> OfSessionAsync(UploadId session, IReadOnlyCollection<ChunkHash> hashes, CancellationToken ct)
    {
        var leased = IdSet.OfSession(session.ToBytes());
        return FindAsync(hashes, reader => id => leased.Next(reader, id), ct);
    }

    /// <summary>Chunks with these hashes that one of the trees has.</summary>
    public Task<Dictionary<ChunkHash, long>> OfTreesAsync(IReadOnlyList<long> roots, IReadOnlyCollection<ChunkHash> hashes, CancellationToken ct) =>
        FindAsync(hashes, reader => id => roots.Min(root => IdSet.OfTree(root).Next(reader, id)), ct);

    /// <summary>Chunks with these hashes that a file has.</summary>
    public Task<Dictionary<ChunkHash, long>> OfFileAsync(BaseFile file, IReadOnlyCollection<ChunkHash> hashes, CancellationToken ct) =>
        FindAsync(hashes, _ => file.Next, ct);

    /// <summary>Promises those of the chunks that are still there.</summary>
    public async Task<HashSet<long>> TakeAsync(UploadId session, IEnumerable<long> chunks, CancellationToken ct)
    {
        var asked = chunks.Distinct().Order().ToList();
        return asked.Count == 0 ? [] : await catalog.WriteAsync(db => Take(db, session, asked), ct);
    }

    private static HashSet<long> Take(CatalogTransaction db, UploadId session, List<long> asked)
    {
        // Rows of a session that is gone would hold chunks for ever.
        UploadStore.StillOpen(UploadTable.Get(db, session));
        var leased = IdSet.OfSession(session.ToBytes());
        var taken = asked.Where(id => db.KeepChunk(id) && IsWhole(db, id)).ToList();
        var room = UploadLimits.LeaseRowsMax - leased.Rows(db, UploadLimits.LeaseRowsMax);
        for (int i = 0, next; i < taken.Count; i = next)
        {
            for (next = i + 1; next < taken.Count && taken[next] == taken[next - 1] + 1; next++)
            {
            }

            if (leased.Holds(db, taken[i], next - i))
            {
                continue;
            }

            if (room-- <= 0)
            {
                return [.. taken[..i]];
            }

            leased.Add(db, taken[i], next - i);
        }

        return [.. taken];
    }

    private static bool IsWhole(CatalogReader db, long id)
    {
        using var row = db.Sql("SELECT flags FROM chunk WHERE id = ?1").Bind(id);
        return row.Step() && (row.Int(0) & ChunkFlags.Bad) == 0;
    }

    private async Task<Dictionary<ChunkHash, long>> FindAsync(
        IReadOnlyCollection<ChunkHash> hashes, Func<CatalogReader, Func<long, long?>> next, CancellationToken ct)
    {
        var found = new Dictionary<ChunkHash, long>();
        foreach (var page in hashes.Distinct().Where(hash => catalog.Index.MayKnow(hash)).Chunk(HashesPerRead))
        {
            await catalog.ReadAsync(
                reader =>
                {
                    var counts = next(reader);
                    foreach (var hash in page)
                    {
                        if (catalog.Index.Find(reader, hash, counts) is { } id)
                        {
                            found.Add(hash, id);
                        }
                    }

                    return true;
                },
                ct);
        }

        return found;
    }
}
