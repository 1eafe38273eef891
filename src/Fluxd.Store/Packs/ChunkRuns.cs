namespace Fluxd.Store.Packs;

/// <summary>Chunks with ids in a row.</summary>
internal readonly record struct ChunkRun(long First, int Count)
{
    public long End => First + Count;
}

/// <summary>
/// How a recipe is written (docs/store-format.md): for each run of chunk ids two varints, the distance of its first
/// id from the end of the run before (zigzag), and its length. New files are one run, so a recipe is a few bytes
/// whatever the file's size. Each part of a long recipe begins anew from 0. Pure functions.
/// </summary>
internal static class ChunkRuns
{
    // A 64-bit number in groups of seven bits.
    private const int VarintBytesMax = 10;

    public static byte[] Encode(IReadOnlyList<ChunkRun> runs)
    {
        var bytes = new byte[runs.Count * 2 * VarintBytesMax];
        var at = 0;
        long end = 0;
        foreach (var run in runs)
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(run.First);
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(run.Count);
            var delta = run.First - end;
            at += WriteVarint(bytes.AsSpan(at), (ulong)((delta << 1) ^ (delta >> 63)));
            at += WriteVarint(bytes.AsSpan(at), (ulong)run.Count);
            end = run.End;
        }
        return bytes[..at];
    }

    /// <summary>Null when the bytes can't be a recipe's.</summary>
    public static IReadOnlyList<ChunkRun>? Decode(ReadOnlySpan<byte> bytes)
    {
        var runs = new List<ChunkRun>();
        long end = 0;
        while (!bytes.IsEmpty)
        {
            if (!TryReadVarint(ref bytes, out var zigzag) || !TryReadVarint(ref bytes, out var count))
                return null;
            var first = unchecked(end + ((long)(zigzag >> 1) ^ -(long)(zigzag & 1)));
            if (first <= 0 || count is 0 or > int.MaxValue || first > long.MaxValue - (long)count)
                return null;
            runs.Add(new ChunkRun(first, (int)count));
            end = runs[^1].End;
        }
        return runs;
    }

    private static int WriteVarint(Span<byte> to, ulong value)
    {
        var at = 0;
        for (; value >= 0x80; value >>= 7)
            to[at++] = (byte)(value | 0x80);
        to[at++] = (byte)value;
        return at;
    }

    private static bool TryReadVarint(ref ReadOnlySpan<byte> from, out ulong value)
    {
        value = 0;
        for (var i = 0; i < Math.Min(from.Length, VarintBytesMax); i++)
        {
            value |= (ulong)(from[i] & 0x7F) << (7 * i);
            if (from[i] < 0x80)
            {
                from = from[(i + 1)..];
                return true;
            }
        }
        return false;
    }
}
