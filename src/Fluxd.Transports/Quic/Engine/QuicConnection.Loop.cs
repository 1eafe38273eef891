using System.Runtime.InteropServices;
using System.Security.Cryptography.X509Certificates;
using Fluxd.Core;
using Fluxd.Transports.Quic.Native;

namespace Fluxd.Transports.Quic.Engine;

/// <summary>What the loop thread does with a connection, and what the library tells about it.</summary>
internal sealed unsafe partial class QuicConnection
{
    private readonly Dictionary<long, QuicStream> _streams = [];
    private readonly Queue<QuicStream> _toOpen = new();
    private readonly HashSet<QuicStream> _blocked = [];
    private void* _session;
    private void* _reference;
    private TlsCredentials? _credentials;
    private QuicClientOptions? _client;
    private byte[]? _closePacket;
    private bool _isWaitingForVerdict;

    internal void* Native { get; private set; }

    internal QuicState State { get; private set; }

    internal bool IsAlive => State is QuicState.Handshaking or QuicState.Open;

    internal GCHandle Self { get; private set; }

    internal List<CidKey> Ids { get; } = [];

    internal StreamTurns Ready { get; } = new();

    internal required Pacer Pacer { get; init; }

    internal required TimeSpan CallingTime { get; init; }

    internal bool IsDirty { get; set; }

    internal ulong? NudgedUntil { get; set; }

    internal Admission.Ticket? Ticket { get; set; }

    internal bool IsResetStatelessly { get; set; }

    internal bool IsHandshakeDone { get; private set; }

    internal int StreamCount => _streams.Count;

    /// <summary>Binds library connection and TLS session to each other and to this object.</summary>
    internal void Attach(void* native, void* session, TlsCredentials? credentials, QuicClientOptions? client)
    {
        Native = native;
        _session = session;
        _credentials = credentials;
        _client = client;
        var reference = (ngtcp2_crypto_conn_ref*)NativeMemory.AllocZeroed((nuint)sizeof(ngtcp2_crypto_conn_ref));
        reference->get_conn = NgCallbacks.GetConnection;
        reference->user_data = native;
        _reference = reference;
        GnuTls.gnutls_session_set_ptr(session, reference);
        NgTcp2.ngtcp2_conn_set_tls_native_handle(native, session);
    }

    internal void OnPacket(ngtcp2_path* path, byte ecn, byte* data, int length)
    {
        if (!IsAlive)
        {
            if (_closePacket is { } packet && State == QuicState.Closing)
            {
                Endpoint.SendPacket(packet, SockAddress.From(path->local), SockAddress.From(path->remote));
            }

            return;
        }

        var info = new ngtcp2_pkt_info { ecn = ecn };
        var result = NgTcp2.ngtcp2_conn_read_pkt_versioned(Native, path, NgTcp2.V1, &info, data, (nuint)length, Now);
        if (result != 0)
        {
            Fail(result);
            return;
        }

        _hasReceived = true;
        Endpoint.MarkDirty(this);
    }

    internal void OnTimer()
    {
        if (!IsAlive)
        {
            Endpoint.Forget(this);
        }
        else if (Expire())
        {
            Endpoint.MarkDirty(this);
        }
    }

    /// <summary>False when the connection ended by it.</summary>
    private bool Expire()
    {
        var result = NgTcp2.ngtcp2_conn_handle_expiry(Native, Now);
        if (result != 0)
        {
            Fail(result);
        }

        return result == 0;
    }

    // ---- Streams.
    internal void Enqueue(QuicStream stream)
    {
        if (IsAlive && !stream.IsClosed && stream.Id >= 0 && stream.HasToSend)
        {
            stream.IsQueued = true;
            Ready.Enqueue(stream);
        }
    }

    /// <summary>
    /// The library does not tell of a peer's STOP_SENDING; only the next write on that stream does. A stream that waits
    /// for credit would never make one, so each arrival of packets gives those streams another try.
    /// </summary>
    private void RetryBlocked()
    {
        if (_blocked.Count == 0)
        {
            return;
        }

        foreach (var stream in _blocked)
        {
            stream.IsBlocked = false;
            Enqueue(stream);
        }

        _blocked.Clear();
    }

    internal void Block(QuicStream stream)
    {
        stream.IsBlocked = true;
        _blocked.Add(stream);
    }

    private void OpenOrQueue(QuicStream stream)
    {
        if (!IsAlive)
        {
            stream.Opening!.TrySetException(CloseReason ?? QuicErrors.ClosedHere);
            return;
        }

        _toOpen.Enqueue(stream);
        OpenWaiting();
    }

    internal void OpenWaiting()
    {
        while (IsHandshakeDone && !_isWaitingForVerdict && _toOpen.TryPeek(out var stream))
        {
            long id;
            stream.Handle = GCHandle.Alloc(stream);
            var userData = (void*)GCHandle.ToIntPtr(stream.Handle);
            var result = stream.Input is not null
                ? NgTcp2.ngtcp2_conn_open_bidi_stream(Native, &id, userData)
                : NgTcp2.ngtcp2_conn_open_uni_stream(Native, &id, userData);
            if (result != 0)
            {
                stream.Handle.Free();
                if (result == NgTcp2.ErrStreamIdBlocked)
                {
                    return; // the peer's leave comes as a callback
                }

                _toOpen.Dequeue();
                stream.Opening!.TrySetException(QuicErrors.Lost(NgTcp2.Describe(result)));
                continue;
            }

            _toOpen.Dequeue();
            Keep(id, stream);
            stream.OnOpened(id);
            Enqueue(stream);
            Endpoint.MarkDirty(this);
        }
    }

    internal bool OnStreamOpen(long id)
    {
        var stream = new QuicStream(this, id, canRead: true, canWrite: IsBidirectional(id));
        if (!_incoming.Writer.TryWrite(stream))
        {
            return false;
        }

        stream.Handle = GCHandle.Alloc(stream);
        Keep(id, stream);
        return NgTcp2.ngtcp2_conn_set_stream_user_data(Native, id, (void*)GCHandle.ToIntPtr(stream.Handle)) == 0;
    }

    private void Keep(long id, QuicStream stream)
    {
        _streams[id] = stream;
        _exchanges += IsBidirectional(id) ? 1 : 0;
    }

    private static bool IsBidirectional(long id) => (id & 2) == 0;

    /// <param name="code">The application's code of a reset or a STOP_SENDING, −1 without.</param>
    internal void OnStreamClose(long id, long code)
    {
        if (_streams.Remove(id, out var stream))
        {
            _exchanges -= IsBidirectional(id) ? 1 : 0;
            stream.OnClosing(code);
            stream.OnClosed(stream.ReadError >= 0 ? QuicErrors.StreamReset(stream.ReadError) : null);
        }

        var isLocal = (id & 1) == (IsServer ? 1 : 0);
        if (!isLocal && IsBidirectional(id))
        {
            NgTcp2.ngtcp2_conn_extend_max_streams_bidi(Native, 1);
        }
        else if (!isLocal)
        {
            NgTcp2.ngtcp2_conn_extend_max_streams_uni(Native, 1);
        }
    }

    // ---- Handshake.
    internal void OnHandshakeCompleted()
    {
        IsHandshakeDone = true;
        State = QuicState.Open;
        Pacer.Start();
        Protocol = QuicTls.SelectedProtocol(_session);
        if (IsServer)
        {
            _ = GnuTls.gnutls_session_ticket_send(_session, 1, 0);
            var path = NgTcp2.ngtcp2_conn_get_path(Native);
            Endpoint.Tokens.SendAddressToken(Native, path->remote, QuicEndpoint.Now());
            Endpoint.OnHandshakeDone(this);
            _handshake.TrySetResult();
        }
        else
        {
            _isWaitingForVerdict = true;
            var certificates = QuicTls.PeerCertificates(_session);
            ThreadPool.UnsafeQueueUserWorkItem(static state => state.Connection.Verify(state.Certificates), (Connection: this, Certificates: certificates), preferLocal: false);
        }
    }

    // On the thread pool: checking a chain may take its time.
    private void Verify(List<X509Certificate2> certificates)
    {
        Exception? refusal = null;
        try
        {
            refusal = certificates.Count > 0 && _client!.Verify(certificates)
                ? null
                : new FluxException(FluxError.Denied, "The server's certificate is not the one that is trusted for this address.");
        }
        catch (Exception e)
        {
            refusal = e;
        }

        foreach (var certificate in certificates)
        {
            certificate.Dispose();
        }

        Endpoint.Post(() =>
        {
            _isWaitingForVerdict = false;
            if (refusal is not null)
            {
                CloseByApplication(0, refusal);
            }
            else if (IsAlive)
            {
                _handshake.TrySetResult();
                OpenWaiting();
            }
        });
    }

    internal void OnPathValidated(ngtcp2_path* path)
    {
        Migrations++;
        Remote = SockAddress.From(path->remote).ToEndPoint();
        Local = SockAddress.From(path->local).ToEndPoint();
        if (IsServer)
        {
            Endpoint.Tokens.SendAddressToken(Native, path->remote, QuicEndpoint.Now());
        }
    }

    // ---- End of life.
    internal void CloseByApplication(ulong code, Exception reason)
    {
        if (IsAlive)
        {
            Pacer.Stop();
            Endpoint.Writer.Flush(this);
        }

        if (!IsAlive)
        {
            return;
        }

        ngtcp2_ccerr error;
        NgTcp2.ngtcp2_ccerr_default(&error);
        NgTcp2.ngtcp2_ccerr_set_application_error(&error, code, null, 0);
        SayGoodbye(&error);
        Finish(QuicState.Closing, reason, ThreeProbeTimeouts());
    }

    /// <summary>The library ended the connection with <paramref name="result"/>.</summary>
    internal void Fail(int result)
    {
        if (!IsAlive)
        {
            return;
        }

        switch (result)
        {
            case NgTcp2.ErrDraining when IsResetStatelessly:
                Finish(QuicState.Draining, QuicErrors.StatelessReset, ThreeProbeTimeouts());
                break;
            case NgTcp2.ErrDraining:
                var peer = NgTcp2.ngtcp2_conn_get_ccerr(Native);
                var isApplication = peer->type == NgTcp2.CloseTypeApplication;
                PeerCloseCode = isApplication ? (long)peer->error_code : -1;
                Finish(QuicState.Draining, QuicErrors.ClosedByPeer(peer->error_code, isApplication), ThreeProbeTimeouts());
                break;
            case NgTcp2.ErrIdleClose or NgTcp2.ErrHandshakeTimeout or NgTcp2.ErrDropConnection or NgTcp2.ErrRetry:
                Finish(QuicState.Draining, QuicErrors.Lost(Why(result)), QuicEndpoint.Now());
                break;
            default:
                ngtcp2_ccerr error;
                NgTcp2.ngtcp2_ccerr_default(&error);
                if (result == NgTcp2.ErrCrypto)
                {
                    NgTcp2.ngtcp2_ccerr_set_tls_alert(&error, NgTcp2.ngtcp2_conn_get_tls_alert(Native), null, 0);
                }
                else
                {
                    NgTcp2.ngtcp2_ccerr_set_liberr(&error, result, null, 0);
                }

                SayGoodbye(&error);
                Finish(QuicState.Closing, QuicErrors.Lost(Why(result)), ThreeProbeTimeouts());
                break;
        }
    }

    /// <summary>There is nothing native yet.</summary>
    internal void FailBeforeStart(Exception reason)
    {
        State = QuicState.Freed;
        CloseReason = reason;
        _incoming.Writer.TryComplete(reason);
        while (_toOpen.TryDequeue(out var waiting))
        {
            waiting.Opening!.TrySetException(reason);
        }

        _handshake.TrySetException(reason);
        Self.Free();
        _freed.TrySetResult();
        ThreadPool.UnsafeQueueUserWorkItem(static connection => connection._closed.Cancel(), this, preferLocal: false);
    }

    private static string Why(int result) => result switch
    {
        NgTcp2.ErrIdleClose => "the peer was silent for too long",
        NgTcp2.ErrHandshakeTimeout => "the handshake took too long",
        _ => NgTcp2.Describe(result),
    };

    private ulong ThreeProbeTimeouts() => QuicEndpoint.Now() + (3 * NgTcp2.ngtcp2_conn_get_pto(Native));

    private void SayGoodbye(ngtcp2_ccerr* error)
    {
        if (NgTcp2.ngtcp2_conn_in_closing_period(Native) != 0 || NgTcp2.ngtcp2_conn_in_draining_period(Native) != 0)
        {
            return;
        }

        ngtcp2_path_storage storage = default;
        storage.path.local.addr = &storage.local_addrbuf;
        storage.path.remote.addr = &storage.remote_addrbuf;
        ngtcp2_pkt_info info;
        var buffer = stackalloc byte[QuicLimits.DatagramBytesMax];
        var length = NgTcp2.ngtcp2_conn_write_connection_close_versioned(
            Native, &storage.path, NgTcp2.V1, &info, buffer, QuicLimits.DatagramBytesMax, error, Now);
        if (length > 0)
        {
            _closePacket = new ReadOnlySpan<byte>(buffer, (int)length).ToArray();
            Endpoint.SendPacket(_closePacket, SockAddress.From(storage.path.local), SockAddress.From(storage.path.remote));
        }
    }

    private void Finish(QuicState state, Exception reason, ulong forgetAt)
    {
        State = state;
        CloseReason = reason;
        foreach (var stream in _streams.Values)
        {
            stream.OnClosed(reason);
        }

        _streams.Clear();
        Ready.Clear();
        _blocked.Clear();
        _incoming.Writer.TryComplete(reason);
        while (_toOpen.TryDequeue(out var waiting))
        {
            waiting.Opening!.TrySetException(reason);
        }

        if (_handshake.TrySetException(reason))
        {
            _ = _handshake.Task.Exception; // nobody has to look at it
        }

        Endpoint.OnFinished(this, forgetAt);
        ThreadPool.UnsafeQueueUserWorkItem(static connection => connection._closed.Cancel(), this, preferLocal: false);
    }

    /// <summary>Frees everything native; the last call of a connection's life.</summary>
    internal void Free()
    {
        State = QuicState.Freed;
        NgTcp2.ngtcp2_conn_del(Native);
        GnuTls.gnutls_deinit(_session);
        NativeMemory.Free(_reference);
        _credentials?.Release();
        Native = null;
        Self.Free();
        _freed.TrySetResult();
    }
}
