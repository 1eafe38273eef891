namespace Fluxd.Store.Packs;

/// <summary>Finds the segments of a pack: by its footer, or by looking for trailers at every boundary, so that one
/// damaged stretch hides nothing behind it.</summary>
internal static class PackScanner
{
    private const int Block = 1 << 20;

    public static IEnumerable<TrailerInfo> Scan(IPackReader pack, long from, StoreIdentity identity) =>
        ReadFooter(pack, identity) is { } footer ? ByFooter(pack, footer, from, identity) : BySearch(pack, from, identity);

    /// <summary>The trailers' places by a valid footer, or null.</summary>
    public static IReadOnlyList<(long Offset, int Length)>? ReadFooter(IPackReader pack, StoreIdentity identity)
    {
        var fileLength = pack.Length;
        if (fileLength < PackLayout.Alignment)
            return null;
        Span<byte> tail = stackalloc byte[FooterFormat.TailBytes];
        pack.Read(tail, fileLength - tail.Length);
        var offset = FooterFormat.PeekOffset(tail, fileLength);
        if (offset < 0)
            return null;
        var bytes = new byte[fileLength - offset];
        pack.Read(bytes, offset);
        return FooterFormat.Decode(bytes, pack.Pack, offset, identity);
    }

    /// <summary>A whole trailer's bytes when one that verifies begins here, or null.</summary>
    public static byte[]? ReadTrailer(IPackReader pack, long offset, StoreIdentity identity, out TrailerInfo? trailer)
    {
        trailer = null;
        if (pack.Length - offset < TrailerFormat.HeaderBytes)
            return null;
        Span<byte> header = stackalloc byte[TrailerFormat.HeaderBytes];
        pack.Read(header, offset);
        var length = TrailerFormat.PeekLength(header, pack.Pack, offset, identity);
        if (length == 0 || length > pack.Length - offset)
            return null;
        var bytes = new byte[length];
        pack.Read(bytes, offset);
        trailer = TrailerFormat.Decode(bytes, pack.Pack, offset, identity);
        return trailer is null ? null : bytes;
    }

    /// <summary>Nothing at a boundary looks like a trailer, damaged ones and those of other stores included; one of this
    /// store that the file is too short for was cut off while it was written.</summary>
    public static bool IsBlank(IPackReader pack, StoreIdentity identity)
    {
        var block = new byte[Block];
        for (long at = 0; at < pack.Length; at += Block)
        {
            var length = (int)Math.Min(Block, pack.Length - at);
            pack.Read(block.AsSpan(0, length), at);
            for (var i = 0; i < length; i += PackLayout.Alignment)
            {
                var here = block.AsSpan(i, length - i);
                if (here.StartsWith(TrailerFormat.Magic)
                    && here.Length >= TrailerFormat.HeaderBytes
                    && TrailerFormat.PeekLength(here[..TrailerFormat.HeaderBytes], pack.Pack, at + i, identity) <= pack.Length - at - i)
                {
                    return false;
                }
            }
        }
        return true;
    }

    private static IEnumerable<TrailerInfo> ByFooter(
        IPackReader pack, IReadOnlyList<(long Offset, int Length)> footer, long from, StoreIdentity identity)
    {
        foreach (var (offset, _) in footer)
        {
            if (offset >= from && ReadTrailer(pack, offset, identity, out var trailer) is not null)
                yield return trailer!;
        }
    }

    private static IEnumerable<TrailerInfo> BySearch(IPackReader pack, long from, StoreIdentity identity)
    {
        var block = new byte[Block];
        var at = PackLayout.Align(from);
        while (at < pack.Length)
        {
            var length = (int)Math.Min(Block, pack.Length - at);
            pack.Read(block.AsSpan(0, length), at);
            var next = at + length;
            for (var i = 0; i < length; i += PackLayout.Alignment)
            {
                if (!block.AsSpan(i, length - i).StartsWith(TrailerFormat.Magic)
                    || ReadTrailer(pack, at + i, identity, out var trailer) is null)
                {
                    continue;
                }
                yield return trailer!;
                next = trailer!.End;
                break;
            }
            at = PackLayout.Align(next);
        }
    }
}
