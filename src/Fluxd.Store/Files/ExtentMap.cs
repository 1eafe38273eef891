namespace Fluxd.Store.Files;

/// <summary>Which parts of a range of bytes are written: disjoint half-open pieces in order, neighbours joined. Pure.</summary>
internal sealed class ExtentMap
{
    private readonly SortedList<long, long> _ends = [];

    public int Count => _ends.Count;

    public bool IsEmpty => _ends.Count == 0;

    public IEnumerable<(long Start, long End)> Pieces => _ends.Select(piece => (piece.Key, piece.Value));

    public void Add(long start, long end)
    {
        if (start >= end)
        {
            return;
        }

        var i = FirstEndingAtOrAfter(start);
        while (i < _ends.Count && _ends.GetKeyAtIndex(i) <= end)
        {
            start = Math.Min(start, _ends.GetKeyAtIndex(i));
            end = Math.Max(end, _ends.GetValueAtIndex(i));
            _ends.RemoveAt(i);
        }

        _ends.Add(start, end);
    }

    /// <summary>Forgets everything in the range.</summary>
    public void Remove(long start, long end)
    {
        if (start >= end)
        {
            return;
        }

        var i = FirstEndingAtOrAfter(start + 1);
        while (i < _ends.Count && _ends.GetKeyAtIndex(i) < end)
        {
            var (from, to) = (_ends.GetKeyAtIndex(i), _ends.GetValueAtIndex(i));
            _ends.RemoveAt(i);
            if (from < start)
            {
                _ends.Add(from, start);
                i++;
            }

            if (to > end)
            {
                _ends.Add(end, to);
                return;
            }
        }
    }

    /// <summary>The piece that covers the place, or the first behind it; null when there is none.</summary>
    public (long Start, long End)? At(long offset)
    {
        var i = FirstEndingAtOrAfter(offset + 1);
        return i < _ends.Count ? (_ends.GetKeyAtIndex(i), _ends.GetValueAtIndex(i)) : null;
    }

    public bool Overlaps(long start, long end) => start < end && At(start) is { } piece && piece.Start < end;

    private int FirstEndingAtOrAfter(long offset)
    {
        int low = 0, high = _ends.Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_ends.GetValueAtIndex(middle) < offset)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }
}
