using System.Net;
using Fluxd.Core;
using Fluxd.Transports.Quic.Client;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fluxd.Transports.Client;

/// <summary>
/// The connections of one link, each opened when it is first needed and anew after a loss. The first carries everything
/// small; data in parallel is spread over all of them, since on a lossy link each finds its rate by itself.
/// </summary>
internal sealed class QuicConnections : IAsyncDisposable
{
    private readonly QuicTarget _target;
    private readonly Slot[] _slots;

    public QuicConnections(QuicTarget target)
    {
        _target = target;
        _slots = [.. Enumerable.Range(0, ClientLimits.QuicConnections).Select(_ => new Slot(this))];
    }

    public Task<FluxdClient> FirstAsync(CancellationToken ct) => _slots[0].ClientAsync(ct);

    /// <summary>The least busy connection; the first where all are idle, so that one after another needs no second.</summary>
    public DataLane Lane()
    {
        lock (_slots)
        {
            var slot = _slots.MinBy(s => s.InUse)!;
            slot.InUse++;
            return new DataLane(this, slot);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var slot in _slots)
        {
            await slot.DisposeAsync();
        }
    }

    private void Return(Slot slot)
    {
        lock (_slots)
        {
            slot.InUse--;
        }
    }

    /// <summary>A share of one connection for one piece of data.</summary>
    internal readonly struct DataLane(QuicConnections owner, Slot slot) : IDisposable
    {
        public Task<FluxdClient> ClientAsync(CancellationToken ct) => slot.ClientAsync(ct);

        public void Dispose() => owner.Return(slot);
    }

    /// <summary>One connection and the way to have it again.</summary>
    internal sealed class Slot(QuicConnections owner) : IAsyncDisposable
    {
        private readonly SemaphoreSlim _connecting = new(1);
        private FluxdClient? _client;

        /// <summary>Guarded by the owner.</summary>
        public int InUse { get; set; }

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

                    _client = null;
                    await old.DisposeAsync();
                }

                return _client = await owner.ConnectToAnyAsync(ct);
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
    }

    /// <summary>In the resolver's order; the next address is for the case that nobody answers at the one before.</summary>
    private async Task<FluxdClient> ConnectToAnyAsync(CancellationToken ct)
    {
        FluxException? failure = null;
        foreach (var address in await AddressesAsync(ct))
        {
            try
            {
                return await ConnectToAsync(new IPEndPoint(address, _target.Port), ct);
            }
            catch (FluxException error) when (error.Error == FluxError.Unavailable)
            {
                failure = error;
            }
        }

        throw failure ?? new FluxException(FluxError.Unavailable, $"{_target.Host} has no address.");
    }

    private async Task<IPAddress[]> AddressesAsync(CancellationToken ct)
    {
        try
        {
            return await Dns.GetHostAddressesAsync(_target.Host, ct);
        }
        catch (System.Net.Sockets.SocketException error)
        {
            throw new FluxException(FluxError.Unavailable, $"{_target.Host} can't be found: {error.Message}.", error);
        }
    }

    private async Task<FluxdClient> ConnectToAsync(IPEndPoint server, CancellationToken ct)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(ClientLimits.UdpPatience);
        FluxdClient? client = null;
        try
        {
            client = await FluxdClient.ConnectAsync(Options(server), NullLogger.Instance, patience.Token);
            patience.CancelAfter(ClientLimits.Silence); // UDP works; checking a password may take its time
            await client.Login;
            return client;
        }
        catch (Exception error)
        {
            if (client is not null)
            {
                await client.DisposeAsync();
            }

            if (error is OperationCanceledException && !ct.IsCancellationRequested)
            {
                throw new FluxException(FluxError.Unavailable, $"{_target.Host}, port {_target.Port}, does not answer over UDP (QUIC).", error);
            }

            throw;
        }
    }

    private FluxdClientOptions Options(IPEndPoint server) => new()
    {
        Server = server,
        ServerName = _target.Host,
        Credential = _target.Credential,
        PinnedFingerprint = _target.Pin?.Replace(":", "", StringComparison.Ordinal),
        TrustOnFirstUse = _target.TrustOnFirstUse,
        ClientName = "fluxctl",
    };
}
