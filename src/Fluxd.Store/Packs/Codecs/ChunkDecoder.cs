using Fluxd.Core;

namespace Fluxd.Store.Packs.Codecs;

/// <summary>From stored bytes to raw ones. Pure; safe from any thread.</summary>
internal static class ChunkDecoder
{
    /// <summary>Fills <paramref name="raw"/>, which has the chunk's raw length. False: the stored bytes aren't what was
    /// written, or say another length.</summary>
    /// <exception cref="FluxException">The codec isn't on this machine.</exception>
    public static bool TryDecode(ReadOnlySpan<byte> stored, ChunkCodec codec, Span<byte> raw)
    {
        switch (codec)
        {
            case ChunkCodec.Raw:
                return stored.Length == raw.Length && stored.TryCopyTo(raw);
            case ChunkCodec.Zstd when Zstd.IsAvailable:
                return Zstd.TryDecompress(stored, raw);
            case ChunkCodec.Zstd:
                throw new FluxException(FluxError.Unavailable,
                    "This file is stored compressed and the zstd library is missing on the server: install libzstd1.");
            default:
                return false;
        }
    }
}
