using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

// The C names are kept, so that header, layout table and this mirror can be read side by side. Only what is passed
// across the border is here; LayoutTests holds every size and offset against the committed table.
// CS0649: the library writes these fields. CA1823/IDE0051: inline arrays are read through their span.
#pragma warning disable CS0649, CA1823, IDE0051, IDE0044, IDE1006

namespace Fluxd.Transports.Quic.Native;

[InlineArray(16)]
internal struct Bytes16
{
    private byte _first;
}

[InlineArray(20)]
internal struct Bytes20
{
    private byte _first;
}

[StructLayout(LayoutKind.Sequential)]
internal struct ngtcp2_cid
{
    public nuint datalen;
    public Bytes20 data;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ngtcp2_vec
{
    public byte* @base;
    public nuint len;
}

/// <summary>Holds one byte but is declared aligned(8): 8 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 8)]
internal struct ngtcp2_pkt_info
{
    public byte ecn;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ngtcp2_pkt_hd
{
    public ngtcp2_cid dcid, scid;
    public long pkt_num;
    public byte* token;
    public nuint tokenlen, pkt_numlen, len;
    public uint version;
    public byte type, flags;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ngtcp2_version_cid
{
    public uint version;
    public byte* dcid;
    public nuint dcidlen;
    public byte* scid;
    public nuint scidlen;
}

/// <summary>sockaddr_in: embedded with the alignment 4 that C gives it.</summary>
[StructLayout(LayoutKind.Sequential, Size = 16)]
internal struct sockaddr_in
{
    public ushort family, port;
    public uint addr;
}

[StructLayout(LayoutKind.Sequential, Size = 28)]
internal struct sockaddr_in6
{
    public ushort family, port;
    public uint flowinfo, a0, a1, a2, a3, scope_id;
}

[StructLayout(LayoutKind.Sequential)]
internal struct ngtcp2_preferred_addr
{
    public ngtcp2_cid cid;
    public sockaddr_in ipv4;
    public sockaddr_in6 ipv6;
    public byte ipv4_present, ipv6_present;
    public Bytes16 stateless_reset_token;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ngtcp2_version_info
{
    public uint chosen_version;
    public byte* available_versions;
    public nuint available_versionslen;
}

[StructLayout(LayoutKind.Sequential)]
internal struct ngtcp2_transport_params
{
    public ngtcp2_preferred_addr preferred_addr;
    public ngtcp2_cid original_dcid, initial_scid, retry_scid;
    public ulong initial_max_stream_data_bidi_local, initial_max_stream_data_bidi_remote, initial_max_stream_data_uni;
    public ulong initial_max_data, initial_max_streams_bidi, initial_max_streams_uni;
    public ulong max_idle_timeout, max_udp_payload_size, active_connection_id_limit;
    public ulong ack_delay_exponent, max_ack_delay, max_datagram_frame_size;
    public byte stateless_reset_token_present, disable_active_migration, original_dcid_present;
    public byte initial_scid_present, retry_scid_present, preferred_addr_present;
    public Bytes16 stateless_reset_token;
    public byte grease_quic_bit;
    public ngtcp2_version_info version_info;
    public byte version_info_present;
}

[StructLayout(LayoutKind.Sequential)]
internal struct ngtcp2_conn_info
{
    public ulong latest_rtt, min_rtt, smoothed_rtt, rttvar, cwnd, ssthresh, bytes_in_flight;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ngtcp2_rand_ctx
{
    public void* native_handle;
}

/// <summary>Version 2 of the settings; only the version 1 prefix is ever named to the library.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ngtcp2_settings
{
    public void* qlog_write;
    public int cc_algo;
    public ulong initial_ts, initial_rtt;
    public void* log_printf;
    public nuint max_tx_udp_payload_size;
    public byte* token;
    public nuint tokenlen;
    public int token_type;
    public ngtcp2_rand_ctx rand_ctx;
    public ulong max_window, max_stream_window;
    public nuint ack_thresh;
    public byte no_tx_udp_payload_size_shaping;
    public ulong handshake_timeout;
    public uint* preferred_versions;
    public nuint preferred_versionslen;
    public uint* available_versions;
    public nuint available_versionslen;
    public uint original_version;
    public byte no_pmtud;
    public uint initial_pkt_num;
    public ushort* pmtud_probes;
    public nuint pmtud_probeslen;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ngtcp2_addr
{
    public void* addr;
    public uint addrlen;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ngtcp2_path
{
    public ngtcp2_addr local, remote;
    public void* user_data;
}

[StructLayout(LayoutKind.Sequential)]
internal struct ngtcp2_path_storage
{
    public ngtcp2_path path;
    public sockaddr_in6 local_addrbuf, remote_addrbuf;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ngtcp2_callbacks
{
    public void* client_initial, recv_client_initial, recv_crypto_data, handshake_completed, recv_version_negotiation;
    public void* encrypt, decrypt, hp_mask;
    public void* recv_stream_data, acked_stream_data_offset, stream_open, stream_close;
    public void* recv_stateless_reset, recv_retry;
    public void* extend_max_local_streams_bidi, extend_max_local_streams_uni;
    public void* rand, get_new_connection_id, remove_connection_id, update_key, path_validation, select_preferred_addr;
    public void* stream_reset, extend_max_remote_streams_bidi, extend_max_remote_streams_uni, extend_max_stream_data;
    public void* dcid_status, handshake_confirmed, recv_new_token, delete_crypto_aead_ctx, delete_crypto_cipher_ctx;
    public void* recv_datagram, ack_datagram, lost_datagram, get_path_challenge_data, stream_stop_sending;
    public void* version_negotiation, recv_rx_key, recv_tx_key, tls_early_data_rejected;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ngtcp2_ccerr
{
    public int type;
    public ulong error_code, frame_type;
    public byte* reason;
    public nuint reasonlen;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ngtcp2_info
{
    public int age, version_num;
    public byte* version_str;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ngtcp2_crypto_conn_ref
{
    public void* get_conn;
    public void* user_data;
}
