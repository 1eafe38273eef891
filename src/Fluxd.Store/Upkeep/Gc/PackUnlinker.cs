using Fluxd.Store.Catalog;
using Fluxd.Store.Catalog.References;
using Fluxd.Store.Packs;

namespace Fluxd.Store.Upkeep.Gc;

/// <summary>A pack that nothing refers to any more, and whose file is still there.</summary>
internal readonly record struct DoomedPack(long Pack, long Length, long LastGroup, long DoomedGroup);

/// <summary>
/// Takes away the files of doomed packs. One goes when the newest kept copy of the catalogue knows that it is doomed, so
/// that this copy needs nothing of it; when the oldest kept copy is newer than every record in it, so that each copy
/// finds all the log that it needs in other packs; and when everybody who looked at places before it was doomed is gone.
/// </summary>
internal sealed class PackUnlinker(SqliteCatalog catalog, IPackStore packs, Func<(long? Oldest, long? Newest)> copies, TimeSpan ticketWait, Func<GcSeam, ValueTask> seam)
{
    private readonly ContentHolds _holds = catalog.References.Holds;

    public async Task<(int Packs, long Bytes)> UnlinkAsync(CancellationToken ct)
    {
        var (oldest, newest) = copies();
        var ready = (await DoomedAsync(ct)).Where(pack => pack.DoomedGroup <= newest && pack.LastGroup <= oldest).ToList();
        if (ready.Count == 0 || !await AreUnusedAsync(ct))
        {
            return (0, 0);
        }

        foreach (var pack in ready)
        {
            // The file first: a row without a file says doomed; a file without a row would say nothing.
            packs.Remove(pack.Pack);
            await seam(GcSeam.Unlinked);
            await catalog.MoveChunksAsync(transaction => Forget(transaction, pack.Pack), ct);
            await seam(GcSeam.Forgotten);
        }

        return (ready.Count, ready.Sum(pack => pack.Length));
    }

    /// <summary>
    /// Whoever took down a place before it was doomed is gone. And the catalogue's own file is newer than the doom: a
    /// power cut may take the end of the write-ahead log, and then the start must not need records that went with a pack.
    /// </summary>
    private async Task<bool> AreUnusedAsync(CancellationToken ct)
    {
        try
        {
            await _holds.WhenReturned(_holds.Newest).WaitAsync(ticketWait, ct);
        }
        catch (TimeoutException)
        {
            return false;
        }

        for (var attempt = 0; attempt < UpkeepLimits.CheckpointAttempts; attempt++)
        {
            if (await catalog.TryCheckpointAsync(ct))
            {
                return true;
            }

            // A reader's snapshot is in the way, for CatalogLimits.ReadMax at most.
            await Task.Delay(UpkeepLimits.CheckpointPause, ct);
        }

        return false;
    }

    public ValueTask<List<DoomedPack>> DoomedAsync(CancellationToken ct) => catalog.ReadAsync(
        reader =>
        {
            var doomed = new List<DoomedPack>();
            using var rows = reader.Sql("SELECT id, len, last_group, coalesce(doomed_group, 0) FROM pack WHERE state = 2 ORDER BY id");
            while (rows.Step())
            {
                doomed.Add(new DoomedPack(rows.Long(0), rows.Long(1), rows.Long(2), rows.Long(3)));
            }

            return doomed;
        },
        ct);

    private static int Forget(CatalogTransaction transaction, long pack)
    {
        using var remove = transaction.Sql("DELETE FROM pack WHERE id = ?1 AND state = 2").Bind(pack);
        return remove.Run();
    }
}
