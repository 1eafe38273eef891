using System.Net;
using System.Net.Sockets;

namespace Fluxd.Transports.Ssh;

/// <summary>
/// Bounds the connections that have not logged in, per source and over all. When it is full the oldest one that never
/// tried to log in makes room, so that silent connections can't lock anybody out: a real client logs in within a second,
/// a silent one is the oldest by then. Thread-safe.
/// </summary>
internal sealed class LoginGate(int perSource, int overall)
{
    private readonly Lock _lock = new();
    private readonly LinkedList<Entry> _waiting = new();
    private readonly Dictionary<IPAddress, int> _counts = [];

    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _waiting.Count;
            }
        }
    }

    /// <returns>Call it when the connection has logged in or ended; idempotent.</returns>
    public Action Enter(IPAddress address, Func<bool> hasTried, Action drop)
    {
        var entry = new Entry(SourceOf(address), hasTried, drop);
        var dropped = new List<Entry>();
        LinkedListNode<Entry> node;
        lock (_lock)
        {
            if (_counts.GetValueOrDefault(entry.Source) >= perSource)
            {
                dropped.Add(TakeOldest(e => e.Source.Equals(entry.Source)));
            }
            else if (_waiting.Count >= overall)
            {
                dropped.Add(TakeOldest(_ => true));
            }

            node = _waiting.AddLast(entry);
            _counts[entry.Source] = _counts.GetValueOrDefault(entry.Source) + 1;
        }

        dropped.ForEach(e => e.Drop());
        return () => Leave(node);
    }

    /// <summary>/32, or /64: what one subscriber has.</summary>
    public static IPAddress SourceOf(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
        {
            return address.MapToIPv4();
        }

        if (address.AddressFamily != AddressFamily.InterNetworkV6)
        {
            return address;
        }

        var bytes = address.GetAddressBytes();
        bytes.AsSpan(8).Clear();
        return new IPAddress(bytes);
    }

    private Entry TakeOldest(Func<Entry, bool> from)
    {
        LinkedListNode<Entry>? oldest = null;
        for (var node = _waiting.First; node is not null; node = node.Next)
        {
            if (!from(node.Value))
            {
                continue;
            }

            oldest ??= node;
            if (!node.Value.HasTried())
            {
                oldest = node;
                break;
            }
        }

        Remove(oldest!);
        return oldest!.Value;
    }

    private void Leave(LinkedListNode<Entry> node)
    {
        lock (_lock)
        {
            if (node.List is not null)
            {
                Remove(node);
            }
        }
    }

    private void Remove(LinkedListNode<Entry> node)
    {
        _waiting.Remove(node);
        var left = _counts[node.Value.Source] - 1;
        if (left == 0)
        {
            _counts.Remove(node.Value.Source);
        }
        else
        {
            _counts[node.Value.Source] = left;
        }
    }

    private sealed record Entry(IPAddress Source, Func<bool> HasTried, Action Drop);
}
