using System.Security.Cryptography;
using Fluxd.Core.Files;

namespace Fluxd.Store.Uploads;

/// <summary>
/// A digest over a stream whose state can be saved and gone on with after a restart, so that no second pass over the
/// bytes is ever needed. Where libcrypto is missing it still computes, but has no state to save. One caller at a time.
/// </summary>
internal sealed class RunningDigest : IDisposable
{
    private readonly byte[]? _context;
    private readonly IncrementalHash? _fallback;

    private RunningDigest(DigestAlgorithm algorithm, byte[]? context, IncrementalHash? fallback) =>
        (Algorithm, _context, _fallback) = (algorithm, context, fallback);

    public DigestAlgorithm Algorithm { get; }

    /// <summary>Bytes hashed so far.</summary>
    public long Length { get; private set; }

    public static RunningDigest Begin(DigestAlgorithm algorithm)
    {
        if (!NativeDigest.IsAvailable)
        {
            return new RunningDigest(algorithm, null, IncrementalHash.CreateHash(NameOf(algorithm)));
        }

        var context = new byte[NativeDigest.Shape(algorithm).ContextBytes];
        NativeDigest.Init(algorithm, context);
        return new RunningDigest(algorithm, context, null);
    }

    /// <summary>Goes on where <see cref="Save"/> was; null when the state is missing or of another kind.</summary>
    public static RunningDigest? Resume(DigestAlgorithm algorithm, byte[]? state, long length) =>
        state is not null && NativeDigest.IsAvailable && state.Length == NativeDigest.Shape(algorithm).ContextBytes
            ? new RunningDigest(algorithm, [.. state], null) { Length = length }
            : null;

    public void Append(ReadOnlySpan<byte> data)
    {
        if (_context is not null && !data.IsEmpty)
        {
            NativeDigest.Update(Algorithm, _context, data);
        }

        _fallback?.AppendData(data);
        Length += data.Length;
    }

    public byte[]? Save() => _context is null ? null : [.. _context];

    /// <summary>The digest of all so far; the stream can go on.</summary>
    public ContentDigest Current()
    {
        if (_context is null)
        {
            return new ContentDigest(Algorithm, _fallback!.GetCurrentHash());
        }

        var (_, digestBytes, _) = NativeDigest.Shape(Algorithm);
        var digest = new byte[digestBytes];
        NativeDigest.Final(Algorithm, [.. _context], digest);
        return new ContentDigest(Algorithm, digest);
    }

    public void Dispose() => _fallback?.Dispose();

    private static HashAlgorithmName NameOf(DigestAlgorithm algorithm) => algorithm switch
    {
        DigestAlgorithm.Md5 => HashAlgorithmName.MD5,
        DigestAlgorithm.Sha1 => HashAlgorithmName.SHA1,
        DigestAlgorithm.Sha512 => HashAlgorithmName.SHA512,
        _ => HashAlgorithmName.SHA256,
    };
}
