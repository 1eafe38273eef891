namespace Fluxd.Store.Catalog.Index;

/// <summary>A set of ids gathered in any order, kept as ranges. Bounded: of more ranges than that, the highest are left out.</summary>
internal sealed class IdRanges(int most)
{
    private List<(long First, long Count)> _joined = [];
    private readonly List<(long First, long Count)> _new = [];

    internal void Add(long first, long count)
    {
        // The common case: the next file's chunks follow the last one's.
        if (_new.Count > 0 && _new[^1] is var last && last.First + last.Count == first)
        {
            _new[^1] = (last.First, last.Count + count);
            return;
        }

        _new.Add((first, count));
        if (_new.Count > Math.Max(1024, _joined.Count))
        {
            Join();
        }
    }

    /// <summary>The ranges in order, joined, cut at <paramref name="end"/>.</summary>
    internal List<(long First, long Count)> Below(long end)
    {
        Join();
        return [.. _joined.Where(range => range.First < end).Select(range => (range.First, Math.Min(range.Count, end - range.First)))];
    }

    private void Join()
    {
        _new.AddRange(_joined);
        _new.Sort();
        _joined = [];
        foreach (var (first, count) in _new)
        {
            if (_joined.Count > 0 && _joined[^1] is var last && last.First + last.Count >= first)
            {
                _joined[^1] = (last.First, Math.Max(last.Count, first + count - last.First));
            }
            else if (_joined.Count < most)
            {
                _joined.Add((first, count));
            }
        }

        _new.Clear();
    }
}
