using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Fluxd.Transports.Quic.Engine;

internal sealed record AdmissionLimits
{
    public int HandshakesBeforeRetry { get; init; } = QuicLimits.HandshakesBeforeRetry;

    public int HandshakesMax { get; init; } = QuicLimits.HandshakesMax;

    public int HandshakesPerAddressMax { get; init; } = QuicLimits.HandshakesPerAddressMax;

    public int ConnectionsPerAddressMax { get; init; } = QuicLimits.ConnectionsPerAddressMax;

    public int ConnectionsMax { get; init; } = QuicLimits.ConnectionsMax;
}

internal enum Admitted
{
    Yes,

    /// <summary>Prove the address first; costs us no state.</summary>
    AfterRetry,

    /// <summary>Not answered at all.</summary>
    No,
}

/// <summary>
/// Who may begin a handshake: bounds on unfinished handshakes and on connections, in all and per address (an IPv6
/// address counts as its /64). A connection counts for the address that it began with, also after it moved. Loop thread.
/// </summary>
internal sealed class Admission(AdmissionLimits limits)
{
    private readonly Dictionary<ulong, Counts> _byAddress = [];
    private int _handshakes;
    private int _connections;

    public int Handshakes => _handshakes;

    public int Connections => _connections;

    public int AddressCount => _byAddress.Count;

    public Admitted Judge(in SockAddress peer, bool isAddressProven)
    {
        if (_connections >= limits.ConnectionsMax || _handshakes >= limits.HandshakesMax)
        {
            return Admitted.No;
        }

        // A forged address must not lock out the one that it names: before proof only the total counts.
        if (!isAddressProven && _handshakes >= limits.HandshakesBeforeRetry)
        {
            return Admitted.AfterRetry;
        }

        _byAddress.TryGetValue(Key(peer), out var counts);
        return counts.Connections >= limits.ConnectionsPerAddressMax || counts.Handshakes >= limits.HandshakesPerAddressMax
            ? (isAddressProven ? Admitted.No : Admitted.AfterRetry)
            : Admitted.Yes;
    }

    public ulong Begin(in SockAddress peer)
    {
        var key = Key(peer);
        ref var counts = ref CollectionsMarshal.GetValueRefOrAddDefault(_byAddress, key, out _);
        counts.Connections++;
        counts.Handshakes++;
        _connections++;
        _handshakes++;
        return key;
    }

    public void HandshakeOver(ulong key)
    {
        CollectionsMarshal.GetValueRefOrNullRef(_byAddress, key).Handshakes--;
        _handshakes--;
    }

    public void End(ulong key)
    {
        ref var counts = ref CollectionsMarshal.GetValueRefOrNullRef(_byAddress, key);
        _connections--;
        if (--counts.Connections == 0)
        {
            _byAddress.Remove(key);
        }
    }

    internal static ulong Key(in SockAddress peer)
    {
        var address = peer.AddressPart;
        if (address.Length == 16 && !peer.IsIpv4Mapped)
        {
            return BinaryPrimitives.ReadUInt64BigEndian(address);
        }

        // 0::/64 holds no routable address, so IPv4 cannot clash with a /64.
        return BinaryPrimitives.ReadUInt32BigEndian(address[^4..]);
    }

    private struct Counts
    {
        public int Connections;
        public int Handshakes;
    }
}
