using System.Diagnostics;
using System.Net;
using Fluxd.Core;
using Fluxd.Transports.Quic.Client;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fluxd.Transports.Client;

/// <summary>
/// The connection of one link, opened when it is first needed and anew after a loss. One, since several for one transfer
/// compete: each takes the others' packets in the bottleneck's queue for its own share of the link (measured).
/// </summary>
internal sealed class QuicReconnector(QuicTarget target) : IAsyncDisposable
{
    private readonly SemaphoreSlim _connecting = new(1);
    private FluxdClient? _client;
    private long _lostAt = -1;

    /// <summary>The connection's, and while there is none, since it was missed.</summary>
    public TimeSpan Silence => Volatile.Read(ref _client)?.Silence ?? (Volatile.Read(ref _lostAt) is >= 0 and var since ? Stopwatch.GetElapsedTime(since) : TimeSpan.Zero);

    /// <summary>The login leaves with the first call and is not waited for.</summary>
    public async Task<FluxdClient> ClientAsync(CancellationToken ct)
    {
        if (_client is { Closed.IsCancellationRequested: false } open)
        {
            return open;
        }

        await _connecting.WaitAsync(ct);
        try
        {
            if (_client is { } old)
            {
                if (!old.Closed.IsCancellationRequested)
                {
                    return old; // somebody else was faster
                }

                _lostAt = Stopwatch.GetTimestamp();
                _client = null;
                await old.DisposeAsync();
            }

            return _client = await ConnectToAnyAsync(ct);
        }
        finally
        {
            _connecting.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_client is not null)
        {
            await _client.DisposeAsync();
        }

        _connecting.Dispose();
    }

    /// <summary>In the resolver's order; the next address is for the case that nobody answers at the one before.</summary>
    private async Task<FluxdClient> ConnectToAnyAsync(CancellationToken ct)
    {
        FluxException? failure = null;
        foreach (var address in await AddressesAsync(ct))
        {
            try
            {
                return await ConnectToAsync(new IPEndPoint(address, target.Port), ct);
            }
            catch (FluxException error) when (error.Error == FluxError.Unavailable)
            {
                failure = error;
            }
        }

        throw failure ?? new FluxException(FluxError.Unavailable, $"{target.Host} has no address.");
    }

    private async Task<IPAddress[]> AddressesAsync(CancellationToken ct)
    {
        try
        {
            return await Dns.GetHostAddressesAsync(target.Host, ct);
        }
        catch (System.Net.Sockets.SocketException error)
        {
            throw new FluxException(FluxError.Unavailable, $"{target.Host} can't be found: {error.Message}.", error);
        }
    }

    private async Task<FluxdClient> ConnectToAsync(IPEndPoint server, CancellationToken ct)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(ClientLimits.UdpPatience);
        try
        {
            return await FluxdClient.ConnectAsync(Options(server), NullLogger.Instance, patience.Token);
        }
        catch (OperationCanceledException error) when (!ct.IsCancellationRequested)
        {
            throw new FluxException(FluxError.Unavailable, $"{target.Host}, port {target.Port}, does not answer over UDP (QUIC).", error);
        }
    }

    private FluxdClientOptions Options(IPEndPoint server) => new()
    {
        Server = server,
        ServerName = target.Host,
        Credential = target.Credential,
        PinnedFingerprint = target.Pin?.Replace(":", "", StringComparison.Ordinal),
        TrustOnFirstUse = target.TrustOnFirstUse,
        ClientName = "fluxctl",
    };
}
