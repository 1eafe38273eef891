using Fluxd.Store.Catalog;
using Fluxd.Store.Catalog.Index;
using Fluxd.Store.Catalog.References;

namespace Fluxd.Store.Upkeep.Gc;

/// <summary>
/// Chunks whose bytes somebody else has as well: several owners write them each for themselves, and the collector folds
/// them. Of those that something refers to and that are whole, the oldest counts as the one to keep. Known by their
/// keys in the index only: good for choosing packs; what is folded is looked at and compared then.
/// </summary>
internal sealed class Doubles
{
    private readonly ChunkMarks _marks;

    private Doubles(long bound) => _marks = new ChunkMarks(bound);

    public static async Task<Doubles> FindAsync(SqliteCatalog catalog, Marker marker, IReadOnlySet<long> bad, CancellationToken ct)
    {
        var doubles = new Doubles(marker.Bound);
        (long Key, long Id)? kept = null;
        await new IndexWalk(catalog, UpkeepLimits.IndexPageRows).ForEachAsync(Take, ct);
        return doubles;

        void Take(long key, long id)
        {
            if (!marker.SeemsLive(id) || bad.Contains(id))
            {
                return;
            }

            if (kept?.Key != key)
            {
                kept = (key, id);
            }
            else if (kept?.Id != id)
            {
                doubles._marks.Set(id);
            }
        }
    }

    public bool Has(long chunk) => chunk < _marks.Bound && _marks.IsSet(chunk);

    public bool HasAny(long first, long count) => _marks.IsAnySet(first, count);
}
