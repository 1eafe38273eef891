using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Fluxd.Transports.Quic.Native;

namespace Fluxd.Transports.Quic.Engine;

/// <summary>
/// What the library calls, on the loop thread. Packet protection goes straight from C to C. No callback throws into C
/// or deletes a connection: failures return <see cref="NgTcp2.ErrCallbackFailure"/>, which ends that connection.
/// </summary>
internal static unsafe class NgCallbacks
{
    public static void* GetConnection => (delegate* unmanaged[Cdecl]<ngtcp2_crypto_conn_ref*, void*>)&OnGetConnection;

    public static ngtcp2_callbacks For(bool isServer)
    {
        var callbacks = new ngtcp2_callbacks
        {
            recv_crypto_data = NgTcp2Crypto.Export("ngtcp2_crypto_recv_crypto_data_cb"),
            encrypt = NgTcp2Crypto.Export("ngtcp2_crypto_encrypt_cb"),
            decrypt = NgTcp2Crypto.Export("ngtcp2_crypto_decrypt_cb"),
            hp_mask = NgTcp2Crypto.Export("ngtcp2_crypto_hp_mask_cb"),
            update_key = NgTcp2Crypto.Export("ngtcp2_crypto_update_key_cb"),
            delete_crypto_aead_ctx = NgTcp2Crypto.Export("ngtcp2_crypto_delete_crypto_aead_ctx_cb"),
            delete_crypto_cipher_ctx = NgTcp2Crypto.Export("ngtcp2_crypto_delete_crypto_cipher_ctx_cb"),
            get_path_challenge_data = NgTcp2Crypto.Export("ngtcp2_crypto_get_path_challenge_data_cb"),
            version_negotiation = NgTcp2Crypto.Export("ngtcp2_crypto_version_negotiation_cb"),
            rand = (delegate* unmanaged[Cdecl]<byte*, nuint, ngtcp2_rand_ctx*, void>)&OnRandom,
            get_new_connection_id = (delegate* unmanaged[Cdecl]<void*, ngtcp2_cid*, byte*, nuint, void*, int>)&OnNewId,
            remove_connection_id = (delegate* unmanaged[Cdecl]<void*, ngtcp2_cid*, void*, int>)&OnRemoveId,
            handshake_completed = (delegate* unmanaged[Cdecl]<void*, void*, int>)&OnHandshakeCompleted,
            stream_open = (delegate* unmanaged[Cdecl]<void*, long, void*, int>)&OnStreamOpen,
            recv_stream_data = (delegate* unmanaged[Cdecl]<void*, uint, long, ulong, byte*, nuint, void*, void*, int>)&OnStreamData,
            acked_stream_data_offset = (delegate* unmanaged[Cdecl]<void*, long, ulong, ulong, void*, void*, int>)&OnAcknowledged,
            stream_close = (delegate* unmanaged[Cdecl]<void*, uint, long, ulong, void*, void*, int>)&OnStreamClose,
            stream_reset = (delegate* unmanaged[Cdecl]<void*, long, ulong, ulong, void*, void*, int>)&OnStreamReset,
            extend_max_stream_data = (delegate* unmanaged[Cdecl]<void*, long, ulong, void*, void*, int>)&OnMoreStreamCredit,
            extend_max_local_streams_bidi = (delegate* unmanaged[Cdecl]<void*, ulong, void*, int>)&OnMoreStreams,
            extend_max_local_streams_uni = (delegate* unmanaged[Cdecl]<void*, ulong, void*, int>)&OnMoreStreams,
            recv_stateless_reset = (delegate* unmanaged[Cdecl]<void*, void*, void*, int>)&OnStatelessReset,
            path_validation = (delegate* unmanaged[Cdecl]<void*, uint, ngtcp2_path*, ngtcp2_path*, int, void*, int>)&OnPathValidation,
        };
        if (isServer)
        {
            callbacks.recv_client_initial = NgTcp2Crypto.Export("ngtcp2_crypto_recv_client_initial_cb");
        }
        else
        {
            callbacks.client_initial = NgTcp2Crypto.Export("ngtcp2_crypto_client_initial_cb");
            callbacks.recv_retry = NgTcp2Crypto.Export("ngtcp2_crypto_recv_retry_cb");
        }

        return callbacks;
    }

    private static QuicConnection Connection(void* userData) => (QuicConnection)GCHandle.FromIntPtr((nint)userData).Target!;

    private static QuicStream? Stream(void* userData) => userData == null ? null : (QuicStream)GCHandle.FromIntPtr((nint)userData).Target!;

    private static int Failed(void* userData, Exception exception)
    {
        Connection(userData).Endpoint.LogCallbackFailure(exception);
        return NgTcp2.ErrCallbackFailure;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void* OnGetConnection(ngtcp2_crypto_conn_ref* reference) => reference->user_data;

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnRandom(byte* dest, nuint length, ngtcp2_rand_ctx* context) => RandomNumberGenerator.Fill(new Span<byte>(dest, (int)length));

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int OnNewId(void* native, ngtcp2_cid* id, byte* resetToken, nuint length, void* user)
    {
        try
        {
            var connection = Connection(user);
            *id = CidTable.Random((int)length);
            if (!connection.Endpoint.Tokens.WriteResetToken(resetToken, id))
            {
                return NgTcp2.ErrCallbackFailure;
            }

            connection.Endpoint.Ids.Add(CidKey.From(*id), connection);
            return 0;
        }
        catch (Exception e)
        {
            return Failed(user, e);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int OnRemoveId(void* native, ngtcp2_cid* id, void* user)
    {
        try
        {
            var connection = Connection(user);
            connection.Endpoint.Ids.Remove(CidKey.From(*id), connection);
            return 0;
        }
        catch (Exception e)
        {
            return Failed(user, e);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int OnHandshakeCompleted(void* native, void* user)
    {
        try
        {
            var connection = Connection(user);
            connection.OnHandshakeCompleted();
            connection.OpenWaiting();
            return 0;
        }
        catch (Exception e)
        {
            return Failed(user, e);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int OnStreamOpen(void* native, long id, void* user)
    {
        try
        {
            return Connection(user).OnStreamOpen(id) ? 0 : NgTcp2.ErrCallbackFailure;
        }
        catch (Exception e)
        {
            return Failed(user, e);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int OnStreamData(void* native, uint flags, long id, ulong offset, byte* data, nuint length, void* user, void* streamUser)
    {
        try
        {
            Stream(streamUser)?.OnData(new ReadOnlySpan<byte>(data, (int)length), (flags & NgTcp2.StreamDataFin) != 0);
            return 0;
        }
        catch (Exception e)
        {
            return Failed(user, e);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int OnAcknowledged(void* native, long id, ulong offset, ulong length, void* user, void* streamUser)
    {
        try
        {
            Stream(streamUser)?.Output!.OnAcknowledged((long)length);
            return 0;
        }
        catch (Exception e)
        {
            return Failed(user, e);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int OnStreamClose(void* native, uint flags, long id, ulong code, void* user, void* streamUser)
    {
        try
        {
            Connection(user).OnStreamClose(id, (flags & NgTcp2.StreamCloseAppErrorCodeSet) != 0 ? (long)code : -1);
            return 0;
        }
        catch (Exception e)
        {
            return Failed(user, e);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int OnStreamReset(void* native, long id, ulong finalSize, ulong code, void* user, void* streamUser)
    {
        try
        {
            Stream(streamUser)?.OnReset((long)code);
            return 0;
        }
        catch (Exception e)
        {
            return Failed(user, e);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int OnMoreStreamCredit(void* native, long id, ulong maximum, void* user, void* streamUser)
    {
        try
        {
            if (Stream(streamUser) is { } stream)
            {
                stream.IsBlocked = false;
                stream.Connection.Enqueue(stream);
            }

            return 0;
        }
        catch (Exception e)
        {
            return Failed(user, e);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int OnMoreStreams(void* native, ulong maximum, void* user)
    {
        try
        {
            Connection(user).OpenWaiting();
            return 0;
        }
        catch (Exception e)
        {
            return Failed(user, e);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int OnStatelessReset(void* native, void* packet, void* user)
    {
        try
        {
            Connection(user).IsResetStatelessly = true;
            return 0;
        }
        catch (Exception e)
        {
            return Failed(user, e);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int OnPathValidation(void* native, uint flags, ngtcp2_path* path, ngtcp2_path* oldPath, int result, void* user)
    {
        try
        {
            if (result == NgTcp2.PathValidationSuccess)
            {
                Connection(user).OnPathValidated(path);
            }

            return 0;
        }
        catch (Exception e)
        {
            return Failed(user, e);
        }
    }
}
