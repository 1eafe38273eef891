using System.Runtime.InteropServices;
using Fluxd.Core.Files;

namespace Fluxd.Store.Uploads;

/// <summary>
/// The digest functions of the system's libcrypto with their plain context structs, which may be copied and kept: the
/// runtime's own hash objects can't. The struct sizes are part of OpenSSL's ABI since 1.0.
/// </summary>
internal static unsafe class NativeDigest
{
    private static readonly Lazy<nint> s_library = new(Load);

    public static bool IsAvailable => s_library.Value != 0;

    public static (int ContextBytes, int DigestBytes, string Name) Shape(DigestAlgorithm algorithm) => algorithm switch
    {
        DigestAlgorithm.Md5 => (92, 16, "MD5"),
        DigestAlgorithm.Sha1 => (96, 20, "SHA1"),
        DigestAlgorithm.Sha256 => (112, 32, "SHA256"),
        DigestAlgorithm.Sha512 => (216, 64, "SHA512"),
        _ => throw new ArgumentOutOfRangeException(nameof(algorithm)),
    };

    public static void Init(DigestAlgorithm algorithm, byte[] context)
    {
        fixed (byte* at = context)
        {
            Check(((delegate* unmanaged<byte*, int>)Function(algorithm, "_Init"))(at));
        }
    }

    public static void Update(DigestAlgorithm algorithm, byte[] context, ReadOnlySpan<byte> data)
    {
        fixed (byte* at = context)
        fixed (byte* bytes = data)
        {
            Check(((delegate* unmanaged<byte*, byte*, nuint, int>)Function(algorithm, "_Update"))(at, bytes, (nuint)data.Length));
        }
    }

    public static void Final(DigestAlgorithm algorithm, byte[] context, byte[] digest)
    {
        fixed (byte* at = context)
        fixed (byte* to = digest)
        {
            Check(((delegate* unmanaged<byte*, byte*, int>)Function(algorithm, "_Final"))(to, at));
        }
    }

    private static nint Function(DigestAlgorithm algorithm, string step) => NativeLibrary.GetExport(s_library.Value, Shape(algorithm).Name + step);

    private static void Check(int ok)
    {
        if (ok != 1)
        {
            throw new InvalidOperationException("libcrypto could not go on with a digest.");
        }
    }

    private static nint Load() =>
        NativeLibrary.TryLoad("libcrypto.so.3", out var three) ? three
        : NativeLibrary.TryLoad("libcrypto.so.1.1", out var one) ? one
        : 0;
}
