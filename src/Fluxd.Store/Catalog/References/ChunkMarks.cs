namespace Fluxd.Store.Catalog.References;

/// <summary>One bit for each chunk id below a bound: 2 MiB for a terabyte of 64 KiB chunks. Not thread-safe.</summary>
internal sealed class ChunkMarks(long bound)
{
    private readonly ulong[] _bits = new ulong[(bound + 63) / 64];

    /// <summary>Ids from here on are newer than the marks: they count as set.</summary>
    internal long Bound => bound;

    internal void Set(long first, long count = 1)
    {
        var end = Math.Min(first + count, bound);
        for (var id = Math.Max(0, first); id < end;)
        {
            if ((id & 63) == 0 && end - id >= 64)
            {
                _bits[id >> 6] = ulong.MaxValue;
                id += 64;
            }
            else
            {
                _bits[id >> 6] |= 1UL << (int)(id & 63);
                id++;
            }
        }
    }

    internal bool IsSet(long id) => id >= bound || (_bits[id >> 6] & (1UL << (int)(id & 63))) != 0;

    /// <summary>Of the ids below the bound.</summary>
    internal bool IsAnySet(long first, long count)
    {
        var end = Math.Min(first + count, bound);
        for (var id = Math.Max(0, first); id < end;)
        {
            if (_bits[id >> 6] == 0)
            {
                id = (id | 63) + 1;
            }
            else if (IsSet(id++))
            {
                return true;
            }
        }

        return false;
    }
}
