using System.Net;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Threading.Channels;
using Fluxd.Transports.Net;
using Fluxd.Transports.Quic.Engine;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace Fluxd.Transports.Quic.Kestrel;

/// <summary>A connection of our engine as ASP.NET sees it: what Kestrel's HTTP/3 and fluxd/1 are written against.</summary>
internal sealed class NgtcpConnectionContext : MultiplexedConnectionContext, IProtocolErrorCodeFeature, ITlsConnectionFeature, ITlsHandshakeFeature, IWaryConnection
{
    // H3_NO_ERROR (RFC 9114, 8.1); fluxd/1 knows it as "no error" too.
    private const long NoError = 0x100;

    private static long s_lastId;

    private readonly QuicConnection _connection;
    private int _isAborted;

    public NgtcpConnectionContext(QuicConnection connection)
    {
        _connection = connection;
        ConnectionId = $"Q{Interlocked.Increment(ref s_lastId):x}";
        ConnectionClosed = connection.ClosedToken;
        Features.Set<IProtocolErrorCodeFeature>(this);
        Features.Set<ITlsConnectionFeature>(this);
        Features.Set<ITlsHandshakeFeature>(this);
        Features.Set<IWaryConnection>(this);
    }

    internal QuicConnection Connection => _connection;

    public override string ConnectionId { get; set; }

    public override IFeatureCollection Features { get; } = new FeatureCollection();

    public override IDictionary<object, object?> Items { get; set; } = new ConnectionItems();

    // A peer may move: always where it is now, and an IPv4 peer of a dual-stack socket as IPv4.
    public override EndPoint? RemoteEndPoint
    {
        get => Plain(_connection.Remote);
        set { }
    }

    public override EndPoint? LocalEndPoint
    {
        get => Plain(_connection.Local);
        set { }
    }

    /// <summary>Kestrel sets the code to close with, and reads the code that the peer closed with; −1 is none.</summary>
    public long Error { get; set; } = -1;

    /// <summary>Null when cancelled: Kestrel cancels to look at its own state and calls again.</summary>
    public override async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        try
        {
            return new NgtcpStreamContext(this, await _connection.Incoming.ReadAsync(cancellationToken));
        }
        catch (OperationCanceledException)
        {
            return null;
        }
        catch (ChannelClosedException) when (Volatile.Read(ref _isAborted) == 1)
        {
            return null;
        }
        catch (ChannelClosedException e)
        {
            if (_connection.PeerCloseCode >= 0)
            {
                Error = _connection.PeerCloseCode;
            }

            throw e.InnerException is ConnectionResetException reset
                ? new ConnectionResetException(reset.Message, reset)
                : new ConnectionAbortedException(e.InnerException?.Message ?? "The connection ended.", e);
        }
    }

    public override async ValueTask<ConnectionContext> ConnectAsync(IFeatureCollection? features = null, CancellationToken cancellationToken = default)
    {
        var isBidirectional = features?.Get<IStreamDirectionFeature>() is not { CanRead: false };
        var stream = await _connection.OpenStreamAsync(isBidirectional, cancellationToken);
        stream.MendsGoAway = !isBidirectional && _connection.Protocol == "h3";
        return new NgtcpStreamContext(this, stream);
    }

    public override void Abort() => Abort(new ConnectionAbortedException());

    public override void Abort(ConnectionAbortedException abortReason)
    {
        if (Interlocked.Exchange(ref _isAborted, 1) == 0)
        {
            _connection.Close(Error < 0 ? NoError : Error, abortReason);
        }
    }

    public override ValueTask DisposeAsync()
    {
        Abort();
        return base.DisposeAsync();
    }

    void IWaryConnection.Trust() => _connection.Trust();

    private static IPEndPoint Plain(IPEndPoint endPoint) => endPoint.Address.IsIPv4MappedToIPv6
        ? new IPEndPoint(endPoint.Address.MapToIPv4(), endPoint.Port)
        : endPoint;

    X509Certificate2? ITlsConnectionFeature.ClientCertificate { get; set; }

    Task<X509Certificate2?> ITlsConnectionFeature.GetClientCertificateAsync(CancellationToken cancellationToken) =>
        Task.FromResult<X509Certificate2?>(null);

    SslProtocols ITlsHandshakeFeature.Protocol => SslProtocols.Tls13;

#pragma warning disable SYSLIB0058 // the interface still asks for them; TLS 1.3 suites do not fit these enums
    CipherAlgorithmType ITlsHandshakeFeature.CipherAlgorithm => CipherAlgorithmType.None;

    int ITlsHandshakeFeature.CipherStrength => 0;

    HashAlgorithmType ITlsHandshakeFeature.HashAlgorithm => HashAlgorithmType.None;

    int ITlsHandshakeFeature.HashStrength => 0;

    ExchangeAlgorithmType ITlsHandshakeFeature.KeyExchangeAlgorithm => ExchangeAlgorithmType.None;

    int ITlsHandshakeFeature.KeyExchangeStrength => 0;
#pragma warning restore SYSLIB0058
}
