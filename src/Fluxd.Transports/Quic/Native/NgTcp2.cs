using System.Runtime.InteropServices;

namespace Fluxd.Transports.Quic.Native;

/// <summary>
/// libngtcp2. Every versioned function is told version 1 (<see cref="V1"/>) of each struct: newer libraries copy that
/// prefix into their own, while a number that an older library does not know makes it abort.
/// </summary>
internal static unsafe partial class NgTcp2
{
    public const string Library = "libngtcp2.so.16";
    public const int V1 = 1;
    public const uint Version1 = 1;

    /// <summary>Version 1.11.0 as the library numbers it.</summary>
    public const int OldestVersion = 0x010b00;

    public const int ErrStreamIdBlocked = -206;
    public const int ErrStreamDataBlocked = -208;
    public const int ErrCrypto = -213;
    public const int ErrStreamShutWrite = -219;
    public const int ErrStreamNotFound = -220;
    public const int ErrClosing = -223;
    public const int ErrDraining = -224;
    public const int ErrWriteMore = -230;
    public const int ErrRetry = -231;
    public const int ErrDropConnection = -232;
    public const int ErrVersionNegotiation = -235;
    public const int ErrHandshakeTimeout = -236;
    public const int ErrIdleClose = -238;
    public const int ErrCallbackFailure = -502;

    public const uint WriteStreamFin = 2;
    public const uint StreamDataFin = 1;
    public const uint StreamCloseAppErrorCodeSet = 1;
    public const int TokenTypeRetry = 1;
    public const int TokenTypeNewToken = 2;
    public const int PathValidationSuccess = 0;
    public const int CloseTypeApplication = 1;

    [LibraryImport(Library)] public static partial ngtcp2_info* ngtcp2_version(int leastVersion);
    [LibraryImport(Library)] public static partial byte* ngtcp2_strerror(int error);
    [LibraryImport(Library)] public static partial int ngtcp2_pkt_decode_version_cid(ngtcp2_version_cid* dest, byte* data, nuint datalen, nuint shortDcidLen);
    [LibraryImport(Library)] public static partial int ngtcp2_accept(ngtcp2_pkt_hd* dest, byte* packet, nuint length);
    [LibraryImport(Library)] public static partial nint ngtcp2_pkt_write_version_negotiation(byte* dest, nuint destlen, byte random, byte* dcid, nuint dcidlen, byte* scid, nuint scidlen, uint* versions, nuint versionCount);
    [LibraryImport(Library)] public static partial nint ngtcp2_pkt_write_stateless_reset(byte* dest, nuint destlen, byte* token, byte* random, nuint randomlen);
    [LibraryImport(Library)] public static partial void ngtcp2_settings_default_versioned(int version, ngtcp2_settings* settings);
    [LibraryImport(Library)] public static partial void ngtcp2_transport_params_default_versioned(int version, ngtcp2_transport_params* parameters);
    [LibraryImport(Library)] public static partial int ngtcp2_conn_server_new_versioned(void** connection, ngtcp2_cid* dcid, ngtcp2_cid* scid, ngtcp2_path* path, uint version, int callbacksVersion, ngtcp2_callbacks* callbacks, int settingsVersion, ngtcp2_settings* settings, int parametersVersion, ngtcp2_transport_params* parameters, void* memory, void* userData);
    [LibraryImport(Library)] public static partial int ngtcp2_conn_client_new_versioned(void** connection, ngtcp2_cid* dcid, ngtcp2_cid* scid, ngtcp2_path* path, uint version, int callbacksVersion, ngtcp2_callbacks* callbacks, int settingsVersion, ngtcp2_settings* settings, int parametersVersion, ngtcp2_transport_params* parameters, void* memory, void* userData);
    [LibraryImport(Library)] public static partial void ngtcp2_conn_del(void* connection);
    [LibraryImport(Library)] public static partial void ngtcp2_conn_set_tls_native_handle(void* connection, void* session);
    [LibraryImport(Library)] public static partial int ngtcp2_conn_read_pkt_versioned(void* connection, ngtcp2_path* path, int infoVersion, ngtcp2_pkt_info* info, byte* packet, nuint length, ulong timestamp);
    [LibraryImport(Library)] public static partial nint ngtcp2_conn_writev_stream_versioned(void* connection, ngtcp2_path* path, int infoVersion, ngtcp2_pkt_info* info, byte* dest, nuint destlen, nint* accepted, uint flags, long streamId, ngtcp2_vec* data, nuint count, ulong timestamp);
    [LibraryImport(Library)] public static partial nint ngtcp2_conn_write_connection_close_versioned(void* connection, ngtcp2_path* path, int infoVersion, ngtcp2_pkt_info* info, byte* dest, nuint destlen, ngtcp2_ccerr* error, ulong timestamp);
    [LibraryImport(Library)] public static partial void ngtcp2_conn_update_pkt_tx_time(void* connection, ulong timestamp);
    [LibraryImport(Library)] public static partial nuint ngtcp2_conn_get_send_quantum(void* connection);
    [LibraryImport(Library)] public static partial ulong ngtcp2_conn_get_expiry(void* connection);
    [LibraryImport(Library)] public static partial int ngtcp2_conn_handle_expiry(void* connection, ulong timestamp);
    [LibraryImport(Library)] public static partial ulong ngtcp2_conn_get_pto(void* connection);
    [LibraryImport(Library)] public static partial int ngtcp2_conn_in_closing_period(void* connection);
    [LibraryImport(Library)] public static partial int ngtcp2_conn_in_draining_period(void* connection);
    [LibraryImport(Library)] public static partial int ngtcp2_conn_open_bidi_stream(void* connection, long* streamId, void* userData);
    [LibraryImport(Library)] public static partial int ngtcp2_conn_open_uni_stream(void* connection, long* streamId, void* userData);
    [LibraryImport(Library)] public static partial int ngtcp2_conn_set_stream_user_data(void* connection, long streamId, void* userData);
    [LibraryImport(Library)] public static partial int ngtcp2_conn_shutdown_stream_write(void* connection, uint flags, long streamId, ulong code);
    [LibraryImport(Library)] public static partial int ngtcp2_conn_shutdown_stream_read(void* connection, uint flags, long streamId, ulong code);
    [LibraryImport(Library)] public static partial int ngtcp2_conn_extend_max_stream_offset(void* connection, long streamId, ulong count);
    [LibraryImport(Library)] public static partial void ngtcp2_conn_extend_max_offset(void* connection, ulong count);
    [LibraryImport(Library)] public static partial void ngtcp2_conn_extend_max_streams_bidi(void* connection, nuint count);
    [LibraryImport(Library)] public static partial void ngtcp2_conn_extend_max_streams_uni(void* connection, nuint count);
    [LibraryImport(Library)] public static partial ngtcp2_path* ngtcp2_conn_get_path(void* connection);
    [LibraryImport(Library)] public static partial ngtcp2_ccerr* ngtcp2_conn_get_ccerr(void* connection);
    [LibraryImport(Library)] public static partial byte ngtcp2_conn_get_tls_alert(void* connection);
    [LibraryImport(Library)] public static partial void ngtcp2_ccerr_default(ngtcp2_ccerr* error);
    [LibraryImport(Library)] public static partial void ngtcp2_ccerr_set_liberr(ngtcp2_ccerr* error, int code, byte* reason, nuint reasonlen);
    [LibraryImport(Library)] public static partial void ngtcp2_ccerr_set_tls_alert(ngtcp2_ccerr* error, byte alert, byte* reason, nuint reasonlen);
    [LibraryImport(Library)] public static partial void ngtcp2_ccerr_set_application_error(ngtcp2_ccerr* error, ulong code, byte* reason, nuint reasonlen);
    [LibraryImport(Library)] public static partial void ngtcp2_conn_get_conn_info_versioned(void* connection, int version, ngtcp2_conn_info* info);
    [LibraryImport(Library)] public static partial int ngtcp2_conn_submit_new_token(void* connection, byte* token, nuint length);
    [LibraryImport(Library)] public static partial int ngtcp2_conn_initiate_key_update(void* connection, ulong timestamp);
    [LibraryImport(Library)] public static partial void ngtcp2_conn_set_keep_alive_timeout(void* connection, ulong timeout);

    public static string Describe(long error) => Marshal.PtrToStringUTF8((nint)ngtcp2_strerror((int)error)) ?? "unknown error";
}
