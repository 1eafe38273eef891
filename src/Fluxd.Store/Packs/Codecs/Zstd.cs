using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace Fluxd.Store.Packs.Codecs;

/// <summary>
/// zstd through the system's library, because .NET 10 has none of its own. Where the library is missing,
/// <see cref="IsAvailable"/> is false and everything new is stored raw.
/// </summary>
internal static unsafe class Zstd
{
    /// <summary>Fast: it costs less CPU than the SHA-256 beside it, and higher levels gain little on 64 KiB.</summary>
    private const int Level = 1;

    private static readonly nint s_library = Load();
    private static readonly delegate* unmanaged<nint> s_createCompressor = (delegate* unmanaged<nint>)Symbol("ZSTD_createCCtx");
    private static readonly delegate* unmanaged<nint> s_createDecompressor = (delegate* unmanaged<nint>)Symbol("ZSTD_createDCtx");
    private static readonly delegate* unmanaged<nint, byte*, nuint, byte*, nuint, int, nuint> s_compress =
        (delegate* unmanaged<nint, byte*, nuint, byte*, nuint, int, nuint>)Symbol("ZSTD_compressCCtx");
    private static readonly delegate* unmanaged<nint, byte*, nuint, byte*, nuint, nuint> s_decompress =
        (delegate* unmanaged<nint, byte*, nuint, byte*, nuint, nuint>)Symbol("ZSTD_decompressDCtx");
    private static readonly delegate* unmanaged<nuint, uint> s_isError = (delegate* unmanaged<nuint, uint>)Symbol("ZSTD_isError");

    // About 0.5 MB each; as many as have ever worked at once, which the pool's threads bound.
    private static readonly ConcurrentBag<nint> s_compressors = [];
    private static readonly ConcurrentBag<nint> s_decompressors = [];

    public static bool IsAvailable { get; } =
        s_createCompressor != null && s_createDecompressor != null && s_compress != null && s_decompress != null && s_isError != null;

    /// <summary>The compressed length, or 0 when it doesn't fit.</summary>
    public static int TryCompress(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        var context = Rent(s_compressors, s_createCompressor);
        fixed (byte* from = source, to = destination)
        {
            var length = s_compress(context, to, (nuint)destination.Length, from, (nuint)source.Length, Level);
            s_compressors.Add(context);
            return s_isError(length) != 0 ? 0 : (int)length;
        }
    }

    /// <summary>Whether <paramref name="source"/> is one frame of exactly the destination's length.</summary>
    public static bool TryDecompress(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        var context = Rent(s_decompressors, s_createDecompressor);
        fixed (byte* from = source, to = destination)
        {
            var length = s_decompress(context, to, (nuint)destination.Length, from, (nuint)source.Length);
            s_decompressors.Add(context);
            return s_isError(length) == 0 && length == (nuint)destination.Length;
        }
    }

    private static nint Rent(ConcurrentBag<nint> pool, delegate* unmanaged<nint> create)
    {
        if (pool.TryTake(out var context))
            return context;
        context = create();
        return context != 0 ? context : throw new InsufficientMemoryException("zstd got no memory for a context.");
    }

    private static nint Load()
    {
        foreach (var name in (ReadOnlySpan<string>)["libzstd.so.1", "libzstd.1.dylib", "/opt/homebrew/lib/libzstd.1.dylib"])
        {
            if (NativeLibrary.TryLoad(name, out var library))
                return library;
        }
        return 0;
    }

    private static nint Symbol(string name) =>
        s_library != 0 && NativeLibrary.TryGetExport(s_library, name, out var symbol) ? symbol : 0;
}
