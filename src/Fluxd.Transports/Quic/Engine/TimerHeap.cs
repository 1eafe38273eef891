namespace Fluxd.Transports.Quic.Engine;

/// <summary>What a <see cref="TimerHeap"/> keeps: it knows its own place, so that a changed time costs O(log n).</summary>
internal abstract class Timed
{
    /// <summary>−1 while it is in no heap.</summary>
    internal int HeapIndex { get; set; } = -1;

    internal ulong DueAt { get; set; } = ulong.MaxValue;
}

/// <summary>Binary heap by due time. One thread.</summary>
internal sealed class TimerHeap
{
    private readonly List<Timed> _items = [];

    public int Count => _items.Count;

    public ulong NextDue => _items.Count == 0 ? ulong.MaxValue : _items[0].DueAt;

    public void Set(Timed item, ulong dueAt)
    {
        if (item.HeapIndex < 0)
        {
            item.HeapIndex = _items.Count;
            _items.Add(item);
        }

        item.DueAt = dueAt;
        Down(Up(item.HeapIndex));
    }

    public void Remove(Timed item)
    {
        var index = item.HeapIndex;
        if (index < 0)
        {
            return;
        }

        var last = _items[^1];
        _items.RemoveAt(_items.Count - 1);
        item.HeapIndex = -1;
        if (last != item)
        {
            Place(last, index);
            Down(Up(index));
        }
    }

    /// <summary>The first item that is due, without taking it out: its handler sets its next time or removes it.</summary>
    public bool TryPeekDue(ulong now, out Timed item)
    {
        item = _items.Count == 0 ? null! : _items[0];
        return _items.Count > 0 && item.DueAt <= now;
    }

    private void Place(Timed item, int index)
    {
        _items[index] = item;
        item.HeapIndex = index;
    }

    private int Up(int index)
    {
        var item = _items[index];
        while (index > 0 && _items[(index - 1) / 2].DueAt > item.DueAt)
        {
            Place(_items[(index - 1) / 2], index);
            index = (index - 1) / 2;
        }

        Place(item, index);
        return index;
    }

    private void Down(int index)
    {
        var item = _items[index];
        for (var child = (2 * index) + 1; child < _items.Count; child = (2 * index) + 1)
        {
            if (child + 1 < _items.Count && _items[child + 1].DueAt < _items[child].DueAt)
            {
                child++;
            }

            if (_items[child].DueAt >= item.DueAt)
            {
                break;
            }

            Place(_items[child], index);
            index = child;
        }

        Place(item, index);
    }
}
