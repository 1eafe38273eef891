using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Fluxd.Transports.Net;

namespace Fluxd.Transports.Quic.Engine;

internal sealed record AdmissionLimits
{
    public int HandshakesBeforeRetry { get; init; } = QuicLimits.HandshakesBeforeRetry;

    public int HandshakesMax { get; init; } = QuicLimits.HandshakesMax;

    public int HandshakesPerAddressMax { get; init; } = QuicLimits.HandshakesPerAddressMax;

    public int ConnectionsPerAddressMax { get; init; } = QuicLimits.ConnectionsPerAddressMax;

    public int ConnectionsMax { get; init; } = QuicLimits.ConnectionsMax;

    /// <summary>Shared with the other frontends.</summary>
    public ConnectionBudget Budget { get; init; } = ConnectionBudget.Unbounded;
}

internal enum Admitted
{
    Yes,

    /// <summary>Prove the address first; costs us no state.</summary>
    AfterRetry,

    // Not answered at all, because:

    /// <summary>This endpoint has all the connections that it may have.</summary>
    TooMany,

    /// <summary>All frontends together have all the connections that they may have.</summary>
    TooManyInAll,

    /// <summary>Too many handshakes are unfinished.</summary>
    TooManyHandshakes,

    /// <summary>This address has all the connections that it may have.</summary>
    TooManyOfAddress,

    /// <summary>Too many handshakes of this address are unfinished.</summary>
    TooManyHandshakesOfAddress,
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
        if (_connections >= limits.ConnectionsMax)
        {
            return Admitted.TooMany;
        }

        if (_handshakes >= limits.HandshakesMax)
        {
            return Admitted.TooManyHandshakes;
        }

        if (limits.Budget.IsFull())
        {
            return Admitted.TooManyInAll;
        }

        _byAddress.TryGetValue(Key(peer), out var counts);
        if (!isAddressProven)
        {
            return _handshakes >= limits.HandshakesBeforeRetry || counts.Unproven >= limits.HandshakesPerAddressMax || counts.Proven >= limits.ConnectionsPerAddressMax
                ? Admitted.AfterRetry
                : Admitted.Yes;
        }

        // What forged packets began in this address's name does not count against it.
        return counts.Proven >= limits.ConnectionsPerAddressMax ? Admitted.TooManyOfAddress
            : counts.ProvenHandshakes >= limits.HandshakesPerAddressMax ? Admitted.TooManyHandshakesOfAddress
            : Admitted.Yes;
    }

    public Ticket Begin(in SockAddress peer, bool isAddressProven)
    {
        limits.Budget.Enter();
        var ticket = new Ticket(Key(peer), isAddressProven, IsHandshaking: true);
        _connections++;
        _handshakes++;
        Count(ticket, 1);
        return ticket;
    }

    /// <summary>A finished handshake proves the address.</summary>
    public Ticket HandshakeDone(in Ticket ticket)
    {
        _handshakes--;
        Count(ticket, -1);
        var proven = ticket with { IsProven = true, IsHandshaking = false };
        Count(proven, 1);
        return proven;
    }

    public void End(in Ticket ticket)
    {
        limits.Budget.Leave();
        _connections--;
        _handshakes -= ticket.IsHandshaking ? 1 : 0;
        Count(ticket, -1);
    }

    private void Count(in Ticket ticket, int change)
    {
        ref var counts = ref CollectionsMarshal.GetValueRefOrAddDefault(_byAddress, ticket.Address, out _);
        counts.Unproven += ticket.IsProven ? 0 : change;
        counts.Proven += ticket.IsProven ? change : 0;
        counts.ProvenHandshakes += ticket is { IsProven: true, IsHandshaking: true } ? change : 0;
        if (counts is { Unproven: 0, Proven: 0 })
        {
            _byAddress.Remove(ticket.Address);
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

    /// <summary>What a connection counts as; given back when it ends.</summary>
    internal readonly record struct Ticket(ulong Address, bool IsProven, bool IsHandshaking);

    private struct Counts
    {
        public int Unproven;
        public int Proven;
        public int ProvenHandshakes;
    }
}
