using System.Net;
using Fluxd.Transports.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Fluxd.Transports.Http.Proxies;

/// <summary>What happens to a TCP connection before TLS and HTTP see it. Call these before <c>UseFluxdTls</c>.</summary>
public static class HttpConnections
{
    private static readonly TimeSpan HeaderTimeout = TimeSpan.FromSeconds(5);

    /// <summary>Congestion control by where the peer is; and an end for readers who leave a finished answer's last bytes where they are.</summary>
    public static void UseLinkTuning(this ListenOptions listen, LinkTuning tuning) => listen.Use(next => connection =>
    {
        if (connection.Features.Get<IConnectionSocketFeature>()?.Socket is { } socket && connection.RemoteEndPoint is IPEndPoint peer)
        {
            tuning.Apply(socket, peer.Address);
            LinkTuning.GiveUpAfter(socket, HttpLimits.ReaderPatience);
        }

        return next(connection);
    });

    /// <summary>
    /// Every connection must begin with a PROXY header (its authors forbid guessing), and only trusted proxies may
    /// connect at all: anybody else could claim any address.
    /// </summary>
    public static void UseProxyProtocol(this ListenOptions listen, Func<HttpOptions> options, TimeProvider clock) => listen.Use(next => async connection =>
    {
        if (connection.RemoteEndPoint is not IPEndPoint direct || !options().TrustedProxies.Any(n => n.Contains(Plain(direct.Address))))
        {
            connection.Abort(new ConnectionAbortedException("This listener takes connections from trusted proxies only."));
            return;
        }

        using var timeout = new CancellationTokenSource(HeaderTimeout, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, connection.ConnectionClosed);
        if (await ReadAsync(connection, either.Token))
        {
            await next(connection);
        }
    });

    private sealed record Proxied(EndPoint? Proxy) : IProxiedConnectionFeature;

    private static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;

    private static async Task<bool> ReadAsync(ConnectionContext connection, CancellationToken ct)
    {
        var input = connection.Transport.Input;
        try
        {
            while (true)
            {
                var result = await input.ReadAsync(ct);
                switch (ProxyHeader.Parse(result.Buffer, out var length, out var client))
                {
                    case ProxyHeaderResult.Good:
                        input.AdvanceTo(result.Buffer.GetPosition(length));
                        connection.Features.Set<IProxiedConnectionFeature>(new Proxied(connection.RemoteEndPoint));
                        connection.RemoteEndPoint = client ?? connection.RemoteEndPoint;
                        return true;
                    case ProxyHeaderResult.NeedMore when !result.IsCompleted:
                        input.AdvanceTo(result.Buffer.Start, result.Buffer.End);
                        break;
                    default:
                        connection.Abort(new ConnectionAbortedException("The connection did not begin with a PROXY header."));
                        return false;
                }
            }
        }
        catch (OperationCanceledException)
        {
            connection.Abort(new ConnectionAbortedException("The PROXY header did not come in time."));
            return false;
        }
    }
}
