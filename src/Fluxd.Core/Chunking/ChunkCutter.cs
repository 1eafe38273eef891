namespace Fluxd.Core.Chunking;

/// <summary>
/// Finds the cuts of content that arrives in pieces of any length, without needing any of them again: what it keeps
/// is the length of the chunk so far and its last 64 bytes. The cuts are those of <see cref="Chunker.Cut"/> over
/// the whole. One owner; not thread-safe.
/// </summary>
public sealed unsafe class ChunkCutter
{
    private const int Window = CutScanner.Window;

    private readonly Chunker _chunker;

    // The last 64 bytes of the chunk so far, then room for the first bytes of the piece that comes next.
    private readonly byte[] _seam = new byte[2 * Window];

    public ChunkCutter(Chunker chunker) => _chunker = chunker;

    /// <summary>Bytes of the unfinished chunk that have been given.</summary>
    public int Pending { get; private set; }

    /// <summary>
    /// Takes bytes of <paramref name="input"/> up to the end of the chunk, or all of them.
    /// </summary>
    /// <param name="input">What arrived next.</param>
    /// <param name="ends">The chunk ends with the last byte taken; the next call begins a new one.</param>
    /// <returns>How many bytes were taken. Call again with the rest.</returns>
    public int Take(ReadOnlySpan<byte> input, out bool ends)
    {
        var sizes = _chunker.Sizes;
        var end = Math.Min(input.Length, sizes.Max - Pending);
        var cut = FindCut(input[..end], sizes.Min - Pending);
        ends = cut >= 0 || Pending + end == sizes.Max;
        var taken = cut >= 0 ? cut + 1 : end;
        if (ends)
            Pending = 0;
        else
            Keep(input[..taken]);
        return taken;
    }

    /// <summary>Forgets the unfinished chunk: what it held is the last chunk of its file.</summary>
    public void Reset() => Pending = 0;

    /// <summary>The position in <paramref name="input"/> of the chunk's last byte, looking from
    /// <paramref name="first"/> on, or -1.</summary>
    private int FindCut(ReadOnlySpan<byte> input, int first)
    {
        first = Math.Max(first, 0);
        if (first >= input.Length)
            return -1;
        var cut = first < Window ? FindInSeam(input, first) : -1;
        first = Math.Max(first, Window);
        if (cut >= 0 || first >= input.Length)
            return cut;
        fixed (byte* data = input)
            return _chunker.Scan(data, first, input.Length, Pending);
    }

    /// <summary>Positions whose window reaches back before the input. The smallest chunk is far longer than a
    /// window, so the bytes before are all of this chunk.</summary>
    private int FindInSeam(ReadOnlySpan<byte> input, int first)
    {
        var length = Math.Min(input.Length, Window);
        input[..length].CopyTo(_seam.AsSpan(Window));
        fixed (byte* seam = _seam)
        {
            var cut = _chunker.Scan(seam, Window + first, Window + length, Pending - Window);
            return cut < 0 ? -1 : cut - Window;
        }
    }

    private void Keep(ReadOnlySpan<byte> taken)
    {
        Pending += taken.Length;
        var window = _seam.AsSpan(0, Window);
        if (taken.Length < Window)
        {
            window[taken.Length..].CopyTo(window);
            taken.CopyTo(window[(Window - taken.Length)..]);
        }
        else
        {
            taken[^Window..].CopyTo(window);
        }
    }
}
