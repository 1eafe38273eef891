using System.Buffers;
using Fluxd.Store.Catalog;
using Fluxd.Store.Catalog.Log;
using Fluxd.Store.Disk;
using Fluxd.Store.Packs;

namespace Fluxd.Store.Upkeep;

/// <summary>A chunk that holds the same bytes at another place.</summary>
internal readonly record struct Twin(long Pack, ChunkRow Chunk);

/// <summary>
/// Lets two chunks of the same bytes share one place. The ids stay, so whose they are, who finds them and what recipes
/// say does not change. Only upkeep does it: no answer to anybody and no write of anybody's depends on it.
/// </summary>
internal static class Twins
{
    /// <summary>Another chunk with the same hash in a pack that may be used, whose bytes were just read and compared with it. One that is not whole is flagged.</summary>
    /// <param name="mayUse">Of a twin's pack.</param>
    public static async Task<Twin?> FindAsync(SqliteCatalog catalog, IPackStore packs, ChunkRow chunk, Func<long, bool> mayUse, CancellationToken ct)
    {
        var seen = new HashSet<long> { chunk.Id };
        for (var i = 0; i < UpkeepLimits.TwinsLookedAt; i++)
        {
            if (await catalog.ReadAsync(reader => Next(catalog, reader, chunk, seen), ct) is not { } twin)
            {
                return null;
            }

            if (!mayUse(twin.Pack))
            {
                continue;
            }

            if (IsWhole(packs, twin))
            {
                return twin;
            }

            await BadChunks.FlagAsync(catalog, [twin.Chunk], ct);
        }

        return null;
    }

    /// <summary>Gives the chunk the twin's place; false when the twin is not there any more. On the committer's thread, so that it can't go meanwhile.</summary>
    public static bool TryShare(CatalogTransaction transaction, long chunk, Twin twin)
    {
        if (PackChunks.Place(transaction, twin.Chunk.Id) is not { } now || now.Pack != twin.Pack || now.Chunk != twin.Chunk || !IsKept(transaction, twin.Pack))
        {
            return false;
        }

        PackChunks.Move(transaction, chunk, twin.Pack, twin.Chunk);
        PackChunks.AddRange(transaction, twin.Pack, chunk, 1);
        return true;
    }

    private static Twin? Next(SqliteCatalog catalog, CatalogReader reader, in ChunkRow chunk, HashSet<long> seen)
    {
        while (catalog.Index.FindHint(reader, chunk.Hash, Unseen) is { } id)
        {
            seen.Add(id);
            if (PackChunks.Place(reader, id) is { } place && (place.Chunk.Flags & ChunkFlags.Bad) == 0 && place.Chunk.Hash == chunk.Hash && place.Chunk.Raw == chunk.Raw)
            {
                return new Twin(place.Pack, place.Chunk);
            }
        }

        return null;

        long? Unseen(long id)
        {
            while (seen.Contains(id))
            {
                id++;
            }

            return id;
        }
    }

    private static bool IsWhole(IPackStore packs, in Twin twin)
    {
        var bytes = ArrayPool<byte>.Shared.Rent(twin.Chunk.Stored);
        try
        {
            using var file = packs.Open(twin.Pack);
            return ChunkCheck.Read(file, twin.Chunk, bytes.AsSpan(0, twin.Chunk.Stored));
        }
        catch (Exception e) when (e is PackDamagedException or DiskException)
        {
            return false;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    private static bool IsKept(CatalogTransaction transaction, long pack)
    {
        using var row = transaction.Sql("SELECT 1 FROM pack WHERE id = ?1 AND state <> 2").Bind(pack);
        return row.Step();
    }
}
