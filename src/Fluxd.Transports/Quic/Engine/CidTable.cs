using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Fluxd.Transports.Quic.Native;

namespace Fluxd.Transports.Quic.Engine;

/// <summary>A connection id of up to 20 bytes as a value, so that the lookup of each packet allocates nothing.</summary>
internal readonly record struct CidKey(ulong A, ulong B, uint C, byte Length)
{
    public const int BytesMax = 20;

    public static CidKey From(ReadOnlySpan<byte> id)
    {
        Span<byte> padded = stackalloc byte[BytesMax];
        padded.Clear();
        id.CopyTo(padded);
        return new CidKey(
            MemoryMarshal.Read<ulong>(padded), MemoryMarshal.Read<ulong>(padded[8..]), MemoryMarshal.Read<uint>(padded[16..]), (byte)id.Length);
    }

    public static CidKey From(in ngtcp2_cid id) => From(((ReadOnlySpan<byte>)id.data)[..(int)id.datalen]);
}

/// <summary>Which connection a packet belongs to. All ids of a connection, the client's first choice included. Loop thread only.</summary>
internal sealed class CidTable
{
    private readonly Dictionary<CidKey, QuicConnection> _connections = [];

    public int Count => _connections.Count;

    public bool TryFind(ReadOnlySpan<byte> id, [NotNullWhen(true)] out QuicConnection? connection)
    {
        connection = null;
        return id.Length <= CidKey.BytesMax && _connections.TryGetValue(CidKey.From(id), out connection);
    }

    public void Add(in CidKey id, QuicConnection connection)
    {
        _connections[id] = connection;
        connection.Ids.Add(id);
    }

    public void Remove(in CidKey id, QuicConnection connection)
    {
        // An id may have been taken over by a newer connection of the same client; that one keeps it.
        if (_connections.TryGetValue(id, out var owner) && owner == connection)
        {
            _connections.Remove(id);
        }

        connection.Ids.Remove(id);
    }

    public void RemoveAll(QuicConnection connection)
    {
        foreach (var id in connection.Ids.ToArray())
        {
            Remove(id, connection);
        }
    }

    public static ngtcp2_cid Random(int length)
    {
        ngtcp2_cid id = default;
        id.datalen = (nuint)length;
        RandomNumberGenerator.Fill(((Span<byte>)id.data)[..length]);
        return id;
    }

    public static ngtcp2_cid Copy(ReadOnlySpan<byte> bytes)
    {
        ngtcp2_cid id = default;
        id.datalen = (nuint)bytes.Length;
        bytes.CopyTo(id.data);
        return id;
    }
}
