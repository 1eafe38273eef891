using System.Runtime.InteropServices;

namespace Fluxd.Transports.Quic.Native;

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct GnuTlsDatum
{
    public byte* Data;
    public uint Size;
}

/// <summary>libgnutls, as far as QUIC needs it. Values of constants as in gnutls.h 3.7.9.</summary>
internal static unsafe partial class GnuTls
{
    public const string Library = "libgnutls.so.30";

    public const uint Server = 1;
    public const uint Client = 2;
    public const uint NoAutoSendTicket = 1u << 21;
    public const uint NoEndOfEarlyData = 1u << 22;
    public const int CredentialsCertificate = 1;
    public const int X509Pem = 1;
    public const int NameDns = 1;
    public const uint AlpnMandatory = 1;
    public const uint AlpnServerPrecedence = 2;

    /// <summary>TLS 1.3 only, with the three suites and groups that QUIC peers have.</summary>
    public const string Priority =
        "%DISABLE_TLS13_COMPAT_MODE:NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305"
        + ":-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1";

    [LibraryImport(Library)] public static partial int gnutls_init(void** session, uint flags);
    [LibraryImport(Library)] public static partial void gnutls_deinit(void* session);
    [LibraryImport(Library)] public static partial byte* gnutls_strerror(int error);
    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)] public static partial int gnutls_priority_init(void** cache, string priorities, byte** errorAt);
    [LibraryImport(Library)] public static partial void gnutls_priority_deinit(void* cache);
    [LibraryImport(Library)] public static partial int gnutls_priority_set(void* session, void* cache);
    [LibraryImport(Library)] public static partial int gnutls_session_ticket_key_generate(GnuTlsDatum* key);
    [LibraryImport(Library)] public static partial int gnutls_session_ticket_enable_server(void* session, GnuTlsDatum* key);
    [LibraryImport(Library)] public static partial int gnutls_session_ticket_send(void* session, uint count, uint flags);
    [LibraryImport(Library)] public static partial void gnutls_session_set_ptr(void* session, void* pointer);
    [LibraryImport(Library)] public static partial int gnutls_credentials_set(void* session, int type, void* credentials);
    [LibraryImport(Library)] public static partial int gnutls_certificate_allocate_credentials(void** credentials);
    [LibraryImport(Library)] public static partial void gnutls_certificate_free_credentials(void* credentials);
    [LibraryImport(Library)] public static partial int gnutls_certificate_set_x509_key_mem(void* credentials, GnuTlsDatum* certificate, GnuTlsDatum* key, int format);
    [LibraryImport(Library)] public static partial GnuTlsDatum* gnutls_certificate_get_peers(void* session, uint* count);
    [LibraryImport(Library)] public static partial int gnutls_alpn_set_protocols(void* session, GnuTlsDatum* protocols, uint count, uint flags);
    [LibraryImport(Library)] public static partial int gnutls_alpn_get_selected_protocol(void* session, GnuTlsDatum* protocol);
    [LibraryImport(Library)] public static partial int gnutls_server_name_set(void* session, int type, void* name, nuint length);

    public static void Check(int result, string doing)
    {
        if (result < 0)
        {
            throw new InvalidOperationException($"GnuTLS failed {doing}: {Marshal.PtrToStringUTF8((nint)gnutls_strerror(result))}");
        }
    }
}
