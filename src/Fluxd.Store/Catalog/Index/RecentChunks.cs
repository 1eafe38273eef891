using Fluxd.Core.Chunking;

namespace Fluxd.Store.Catalog.Index;

/// <summary>Ids by hash, in memory. Nearly every hash has one; those that several owners wrote at about the same time have more.</summary>
internal sealed class RecentChunks
{
    private readonly Dictionary<ChunkHash, long> _first = [];
    private readonly Dictionary<ChunkHash, List<long>> _more = [];

    internal int Count { get; private set; }

    internal IEnumerable<(ChunkHash Hash, long Id)> All =>
        _first.Select(entry => (entry.Key, entry.Value)).Concat(_more.SelectMany(entry => entry.Value.Select(id => (entry.Key, id))));

    internal bool Has(in ChunkHash hash) => _first.ContainsKey(hash);

    internal void Add(in ChunkHash hash, long id)
    {
        if (_first.TryAdd(hash, id))
        {
            Count++;
            return;
        }

        if (_first[hash] == id)
        {
            return;
        }

        if (!_more.TryGetValue(hash, out var more))
        {
            _more.Add(hash, more = []);
        }

        // Ids mostly come in their order.
        if (more.Count == 0 || id > more[^1] || !more.Contains(id))
        {
            more.Add(id);
            Count++;
        }
    }

    /// <summary>The ids of a hash, the newest last.</summary>
    internal long[] Of(in ChunkHash hash) => !_first.TryGetValue(hash, out var first) ? []
        : _more.TryGetValue(hash, out var more) ? [first, .. more] : [first];

    internal void Remove(in ChunkHash hash)
    {
        Count -= Of(hash).Length;
        _first.Remove(hash);
        _more.Remove(hash);
    }

    internal void Remove(in ChunkHash hash, long id)
    {
        var left = Of(hash);
        if (!left.Contains(id))
        {
            return;
        }

        Remove(hash);
        foreach (var other in left.Where(other => other != id))
        {
            Add(hash, other);
        }
    }
}
