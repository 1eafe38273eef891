using System.Runtime.InteropServices;

namespace Fluxd.Transports.Quic.Native;

/// <summary>libngtcp2_crypto_gnutls: TLS 1.3 and packet protection for <see cref="NgTcp2"/>.</summary>
internal static unsafe partial class NgTcp2Crypto
{
    public const string Library = "libngtcp2_crypto_gnutls.so.8";

    /// <summary>Tokens begin with a byte that tells their kind.</summary>
    public const byte RetryTokenMagic = 0xb7;

    public const int RetryTokenBytesMax = 128;
    public const int RegularTokenBytesMax = 64;

    private static readonly Lazy<nint> Handle = new(() => NativeLibrary.Load(Library, typeof(NgTcp2Crypto).Assembly, null));

    [LibraryImport(Library)] public static partial int ngtcp2_crypto_gnutls_configure_server_session(void* session);
    [LibraryImport(Library)] public static partial int ngtcp2_crypto_gnutls_configure_client_session(void* session);
    [LibraryImport(Library)] public static partial int ngtcp2_crypto_generate_stateless_reset_token(byte* token, byte* secret, nuint secretlen, ngtcp2_cid* cid);
    [LibraryImport(Library)] public static partial nint ngtcp2_crypto_generate_retry_token2(byte* token, byte* secret, nuint secretlen, uint version, void* address, uint addresslen, ngtcp2_cid* retryScid, ngtcp2_cid* originalDcid, ulong timestamp);
    [LibraryImport(Library)] public static partial int ngtcp2_crypto_verify_retry_token2(ngtcp2_cid* originalDcid, byte* token, nuint tokenlen, byte* secret, nuint secretlen, uint version, void* address, uint addresslen, ngtcp2_cid* dcid, ulong timeout, ulong timestamp);
    [LibraryImport(Library)] public static partial nint ngtcp2_crypto_generate_regular_token(byte* token, byte* secret, nuint secretlen, void* address, uint addresslen, ulong timestamp);
    [LibraryImport(Library)] public static partial int ngtcp2_crypto_verify_regular_token(byte* token, nuint tokenlen, byte* secret, nuint secretlen, void* address, uint addresslen, ulong timeout, ulong timestamp);
    [LibraryImport(Library)] public static partial nint ngtcp2_crypto_write_retry(byte* dest, nuint destlen, uint version, ngtcp2_cid* dcid, ngtcp2_cid* scid, ngtcp2_cid* originalDcid, byte* token, nuint tokenlen);

    /// <summary>The C function itself as a callback, so that packet protection never enters managed code.</summary>
    public static void* Export(string name) => (void*)NativeLibrary.GetExport(Handle.Value, name);
}
