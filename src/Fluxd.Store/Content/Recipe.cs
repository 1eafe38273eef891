namespace Fluxd.Store.Content;

/// <summary>
/// A part of a recipe: runs of chunk ids as variable-length integers, each the distance of the run's first id from the
/// end of the run before (zigzag), then its length. A new file is one run; an edited one a few. (docs/store-format.md)
/// </summary>
internal static class Recipe
{
    internal static byte[] Encode(IEnumerable<long> ids)
    {
        var bytes = new List<byte>(16);
        long first = 0, count = 0, end = 0;
        foreach (var id in ids)
        {
            if (count > 0 && id == first + count)
            {
                count++;
                continue;
            }

            end = Flush(bytes, first, count, end);
            (first, count) = (id, 1);
        }

        Flush(bytes, first, count, end);
        return [.. bytes];
    }

    /// <exception cref="InvalidDataException">These bytes are no recipe.</exception>
    internal static List<(long First, int Count)> Decode(ReadOnlySpan<byte> bytes)
    {
        var runs = new List<(long, int)>();
        long end = 0;
        while (!bytes.IsEmpty)
        {
            var distance = Take(ref bytes);
            var first = end + ((long)(distance >> 1) ^ -(long)(distance & 1));
            var count = Take(ref bytes);
            if (first <= 0 || count is 0 or > int.MaxValue)
            {
                throw new InvalidDataException("A recipe names no chunk.");
            }

            runs.Add((first, (int)count));
            end = first + (long)count;
        }

        return runs;
    }

    private static long Flush(List<byte> bytes, long first, long count, long end)
    {
        if (count == 0)
        {
            return end;
        }

        var distance = first - end;
        Put(bytes, (ulong)((distance << 1) ^ (distance >> 63)));
        Put(bytes, (ulong)count);
        return first + count;
    }

    private static void Put(List<byte> bytes, ulong value)
    {
        while (value >= 0x80)
        {
            bytes.Add((byte)(value | 0x80));
            value >>= 7;
        }

        bytes.Add((byte)value);
    }

    private static ulong Take(ref ReadOnlySpan<byte> bytes)
    {
        ulong value = 0;
        for (var shift = 0; shift < 64; shift += 7)
        {
            if (bytes.IsEmpty)
            {
                break;
            }

            var b = bytes[0];
            bytes = bytes[1..];
            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80)
            {
                return value;
            }
        }

        throw new InvalidDataException("A recipe ends in the middle of a number.");
    }
}
