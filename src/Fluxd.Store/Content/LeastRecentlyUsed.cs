using System.Diagnostics.CodeAnalysis;

namespace Fluxd.Store.Content;

/// <summary>A small cache bounded by the sum of its entries' weights. Thread-safe.</summary>
internal sealed class LeastRecentlyUsed<TKey, TValue>(long weightMax)
    where TKey : notnull
{
    private readonly Dictionary<TKey, LinkedListNode<Entry>> _entries = [];
    private readonly LinkedList<Entry> _order = new();
    private long _weight;

    internal bool TryGet(TKey key, [MaybeNullWhen(false)] out TValue value)
    {
        lock (_entries)
        {
            if (_entries.TryGetValue(key, out var node))
            {
                _order.Remove(node);
                _order.AddFirst(node);
                value = node.Value.Value;
                return true;
            }
        }

        value = default;
        return false;
    }

    internal void Put(TKey key, TValue value, long weight)
    {
        lock (_entries)
        {
            Drop(key);
            _entries.Add(key, _order.AddFirst(new Entry(key, value, weight)));
            _weight += weight;
            while (_weight > weightMax && _order.Last is { } last)
            {
                Drop(last.Value.Key);
            }
        }
    }

    internal void Remove(TKey key)
    {
        lock (_entries)
        {
            Drop(key);
        }
    }

    private void Drop(TKey key)
    {
        if (_entries.Remove(key, out var node))
        {
            _order.Remove(node);
            _weight -= node.Value.Weight;
        }
    }

    private sealed record Entry(TKey Key, TValue Value, long Weight);
}
