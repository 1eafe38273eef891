using System.Net;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Fluxd.Core;
using Fluxd.Transports.Quic.Native;

namespace Fluxd.Transports.Quic.Engine;

/// <summary>Where packets go, and how connections begin.</summary>
internal sealed unsafe partial class QuicEndpoint
{
    private const int StatelessResetRandomBytes = 12;

    void IDatagramSink.OnDatagram(byte* data, int length, in SockAddress local, in SockAddress remote, byte ecn)
    {
        ngtcp2_version_cid ids;
        var result = NgTcp2.ngtcp2_pkt_decode_version_cid(&ids, data, (nuint)length, QuicLimits.ConnectionIdBytes);
        if (result == NgTcp2.ErrVersionNegotiation)
        {
            OfferVersions(&ids, local, remote);
            return;
        }

        if (result != 0)
        {
            return;
        }

        SockAddress here = local, peer = remote;
        var path = new ngtcp2_path { local = SockAddress.View(&here), remote = SockAddress.View(&peer) };
        if (!Ids.TryFind(new ReadOnlySpan<byte>(ids.dcid, (int)ids.dcidlen), out var connection)
            && !TryBegin(data, length, &ids, &path, peer, out connection))
        {
            return;
        }

        connection!.OnPacket(&path, ecn, data, length);
    }

    private bool TryBegin(byte* data, int length, ngtcp2_version_cid* ids, ngtcp2_path* path, in SockAddress peer, out QuicConnection? connection)
    {
        connection = null;
        ngtcp2_pkt_hd header;
        if (NgTcp2.ngtcp2_accept(&header, data, (nuint)length) != 0)
        {
            if ((data[0] & 0x80) == 0)
            {
                connection = ClientOf(peer);
                if (connection is null)
                {
                    ResetStatelessly(ids, length, path);
                }
            }

            return connection is not null;
        }

        if (_server is null || !_isAccepting || _isStopping)
        {
            return false;
        }

        try
        {
            return Judge(&header, path, peer, out connection);
        }
        catch (Exception e) when (e is InvalidOperationException or CryptographicException or FluxException)
        {
            LogHandshakeNotStarted(e); // a certificate that cannot be read, most likely
            return false;
        }
    }

    /// <summary>
    /// A stateless reset carries no id that we know, by design; only the connection to that server can recognise it.
    /// </summary>
    private QuicConnection? ClientOf(in SockAddress peer)
    {
        if (_clients == 0)
        {
            return null;
        }

        var remote = peer.ToEndPoint();
        foreach (var connection in _connections)
        {
            if (!connection.IsServer && connection.IsAlive && connection.Remote.Equals(remote))
            {
                return connection;
            }
        }

        return null;
    }

    private bool Judge(ngtcp2_pkt_hd* header, ngtcp2_path* path, in SockAddress peer, out QuicConnection? connection)
    {
        connection = null;
        var now = Now();
        var originalId = header->dcid;
        var tokenType = 0;
        if (header->tokenlen > 0 && *header->token == NgTcp2Crypto.RetryTokenMagic)
        {
            if (!Tokens.IsRetryAnswer(header, path->remote, &originalId, now))
            {
                return false; // forged, expired or from elsewhere: a new attempt gets a new Retry
            }

            tokenType = NgTcp2.TokenTypeRetry;
        }
        else if (header->tokenlen > 0 && Tokens.IsKnownAddress(header, path->remote, now))
        {
            tokenType = NgTcp2.TokenTypeNewToken;
        }

        var verdict = _admission.Judge(peer, tokenType != 0);
        switch (verdict)
        {
            case Admitted.Yes:
                connection = Begin(header, path, peer, originalId, tokenType);
                return connection is not null;
            case Admitted.AfterRetry:
                AskToRetry(header, path, now);
                return false;
            default:
                _refusals.Add(verdict, peer, now);
                return false;
        }
    }

    private QuicConnection? Begin(ngtcp2_pkt_hd* header, ngtcp2_path* path, in SockAddress peer, in ngtcp2_cid originalId, int tokenType)
    {
        var remote = peer.ToEndPoint();
        ngtcp2_settings settings;
        ngtcp2_transport_params parameters;
        Prepare(_server!, remote, &settings, &parameters);
        if (tokenType != 0)
        {
            settings.token = header->token;
            settings.tokenlen = header->tokenlen;
            settings.token_type = tokenType;
        }

        var id = CidTable.Random(QuicLimits.ConnectionIdBytes);
        parameters.original_dcid = originalId;
        parameters.original_dcid_present = 1;
        if (tokenType == NgTcp2.TokenTypeRetry)
        {
            parameters.retry_scid = header->dcid;
            parameters.retry_scid_present = 1;
        }

        var resetToken = stackalloc byte[AddressTokens.ResetTokenBytes];
        if (Tokens.WriteResetToken(resetToken, &id))
        {
            new ReadOnlySpan<byte>(resetToken, AddressTokens.ResetTokenBytes).CopyTo(parameters.stateless_reset_token);
            parameters.stateless_reset_token_present = 1;
        }

        var session = _tls.NewServerSession(_server!.Certificate(), _server.Protocols(), out var credentials);
        var connection = new QuicConnection(this, isServer: true, SockAddress.From(path->local).ToEndPoint(), remote)
        {
            Pacer = PacerFor(_server, remote),
            CallingTime = _server.CallingTime,
        };
        void* native;
        int result;
        fixed (ngtcp2_callbacks* callbacks = &_serverCallbacks)
        {
            result = NgTcp2.ngtcp2_conn_server_new_versioned(
                &native, &header->scid, &id, path, header->version, NgTcp2.V1, callbacks, NgTcp2.V1, &settings, NgTcp2.V1, &parameters,
                null, (void*)GCHandle.ToIntPtr(connection.Self));
        }

        if (result != 0)
        {
            GnuTls.gnutls_deinit(session);
            credentials.Release();
            connection.Self.Free();
            return null;
        }

        connection.Attach(native, session, credentials, client: null);
        connection.Ticket = _admission.Begin(peer, tokenType != 0);
        Ids.Add(CidKey.From(header->dcid), connection);
        Ids.Add(CidKey.From(id), connection);
        Add(connection);
        return connection;
    }

    /// <summary>Begins a connection; its <see cref="QuicConnection.Handshake"/> tells when and whether it stands.</summary>
    public QuicConnection Connect(IPEndPoint remote, QuicClientOptions options)
    {
        var connection = new QuicConnection(this, isServer: false, LocalEndPoint, remote) { Pacer = PacerFor(options, remote), CallingTime = options.CallingTime };
        Post(() => Begin(connection, remote, options));
        return connection;
    }

    private void Begin(QuicConnection connection, IPEndPoint remote, QuicClientOptions options)
    {
        if (_isStopping)
        {
            connection.FailBeforeStart(QuicErrors.ClosedHere);
            return;
        }

        ngtcp2_settings settings;
        ngtcp2_transport_params parameters;
        Prepare(options, remote, &settings, &parameters);
        settings.initial_rtt = QuicLimits.ClientInitialRoundTrip;
        var mine = CidTable.Random(QuicLimits.ConnectionIdBytes);
        var theirs = CidTable.Random(QuicLimits.ConnectionIdBytes);
        SockAddress here = _io.LocalAddress, peer = SockAddress.From(remote);
        var path = new ngtcp2_path { local = SockAddress.View(&here), remote = SockAddress.View(&peer) };
        void* session;
        try
        {
            session = _tls.NewClientSession(options.ServerName, options.Protocol);
        }
        catch (InvalidOperationException e)
        {
            connection.FailBeforeStart(e);
            return;
        }

        void* native;
        int result;
        fixed (ngtcp2_callbacks* callbacks = &_clientCallbacks)
        {
            result = NgTcp2.ngtcp2_conn_client_new_versioned(
                &native, &theirs, &mine, &path, NgTcp2.Version1, NgTcp2.V1, callbacks, NgTcp2.V1, &settings, NgTcp2.V1, &parameters,
                null, (void*)GCHandle.ToIntPtr(connection.Self));
        }

        if (result != 0)
        {
            GnuTls.gnutls_deinit(session);
            connection.FailBeforeStart(QuicErrors.Lost(NgTcp2.Describe(result)));
            return;
        }

        connection.Attach(native, session, credentials: null, options);
        Ids.Add(CidKey.From(mine), connection);
        _clients++;
        Add(connection);
    }

    private static QuicCongestion CongestionFor(QuicTransportOptions options, IPEndPoint remote) =>
        options.IsLocal(remote.Address) ? options.LocalCongestion : options.Congestion;

    private static Pacer PacerFor(QuicTransportOptions options, IPEndPoint remote) => new(CongestionFor(options, remote) == QuicCongestion.Bbr);

    private static void Prepare(QuicTransportOptions options, IPEndPoint remote, ngtcp2_settings* settings, ngtcp2_transport_params* parameters)
    {
        *settings = default;
        NgTcp2.ngtcp2_settings_default_versioned(NgTcp2.V1, settings);
        settings->cc_algo = (int)CongestionFor(options, remote);
        settings->initial_ts = Now();
        settings->max_window = (ulong)options.Windows.BytesMax;
        settings->max_stream_window = QuicLimits.StreamReceiveBytesMax;
        settings->handshake_timeout = (ulong)options.HandshakeTimeout.Ticks * 100;

        *parameters = default;
        NgTcp2.ngtcp2_transport_params_default_versioned(NgTcp2.V1, parameters);
        parameters->initial_max_stream_data_bidi_local = QuicLimits.StreamReceiveBytes;
        parameters->initial_max_stream_data_bidi_remote = QuicLimits.StreamReceiveBytes;
        parameters->initial_max_stream_data_uni = QuicLimits.UniStreamReceiveBytes;
        parameters->initial_max_data = (ulong)options.Windows.Bytes;
        parameters->initial_max_streams_bidi = (ulong)options.Windows.Streams;
        parameters->initial_max_streams_uni = QuicLimits.UniStreamsMax;
        parameters->max_idle_timeout = (ulong)options.IdleTimeout.Ticks * 100;
        parameters->active_connection_id_limit = QuicLimits.ActiveConnectionIds;
        parameters->grease_quic_bit = 1;
    }

    private void OfferVersions(ngtcp2_version_cid* ids, in SockAddress local, in SockAddress remote)
    {
        if (!_isAccepting || _server is null || !_stateless.TryTake(Now()))
        {
            return;
        }

        var version = NgTcp2.Version1;
        var packet = stackalloc byte[QuicLimits.DatagramBytesMax];
        var length = NgTcp2.ngtcp2_pkt_write_version_negotiation(
            packet, QuicLimits.DatagramBytesMax, (byte)RandomNumberGenerator.GetInt32(256), ids->scid, ids->scidlen, ids->dcid, ids->dcidlen, &version, 1);
        if (length > 0)
        {
            _io.Send(packet, (int)length, (int)length, local, remote, 0);
        }
    }

    private void AskToRetry(ngtcp2_pkt_hd* header, ngtcp2_path* path, ulong now)
    {
        if (!_stateless.TryTake(now))
        {
            return;
        }

        var packet = stackalloc byte[QuicLimits.DatagramBytesMax];
        var length = Tokens.WriteRetry(packet, QuicLimits.DatagramBytesMax, header, path->remote, now);
        if (length > 0)
        {
            _io.Send(packet, (int)length, (int)length, SockAddress.From(path->local), SockAddress.From(path->remote), 0);
        }
    }

    /// <summary>Tells a peer of a connection that we no longer know (our last life's) that it is over (RFC 9000, 10.3).</summary>
    private void ResetStatelessly(ngtcp2_version_cid* ids, int length, ngtcp2_path* path)
    {
        if (_server is null || ids->dcidlen != QuicLimits.ConnectionIdBytes || length < QuicLimits.StatelessResetTriggerBytesMin || !_stateless.TryTake(Now()))
        {
            return;
        }

        var id = CidTable.Copy(new ReadOnlySpan<byte>(ids->dcid, (int)ids->dcidlen));
        var token = stackalloc byte[AddressTokens.ResetTokenBytes];
        if (!Tokens.WriteResetToken(token, &id))
        {
            return;
        }

        var random = stackalloc byte[StatelessResetRandomBytes];
        RandomNumberGenerator.Fill(new Span<byte>(random, StatelessResetRandomBytes));
        var packet = stackalloc byte[QuicLimits.DatagramBytesMax];
        var written = NgTcp2.ngtcp2_pkt_write_stateless_reset(packet, QuicLimits.DatagramBytesMax, token, random, StatelessResetRandomBytes);
        if (written > 0)
        {
            _io.Send(packet, (int)written, (int)written, SockAddress.From(path->local), SockAddress.From(path->remote), 0);
        }
    }
}
