using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Fluxd.Transports.Quic.Native;

namespace Fluxd.Transports.Quic.Engine;

/// <summary>A socket address as the kernel writes it, by value: the library is given pointers to it and copies.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct SockAddress
{
    public const int BytesMax = 28;

    private fixed byte _bytes[BytesMax];
    private uint _length;

    public readonly uint Length => _length;

    public readonly ReadOnlySpan<byte> Bytes => MemoryMarshal.CreateReadOnlySpan(in Unsafe.AsRef(in _bytes[0]), (int)_length);

    public static SockAddress From(IPEndPoint endPoint)
    {
        var source = endPoint.Serialize();
        return From(source.Buffer.Span[..source.Size]);
    }

    public static SockAddress From(ReadOnlySpan<byte> bytes)
    {
        SockAddress address = default;
        address._length = (uint)Math.Min(bytes.Length, BytesMax);
        bytes[..(int)address._length].CopyTo(new Span<byte>(address._bytes, BytesMax));
        return address;
    }

    public static SockAddress From(in ngtcp2_addr address) => From(new ReadOnlySpan<byte>(address.addr, (int)address.addrlen));

    public readonly IPEndPoint ToEndPoint()
    {
        var family = IsIpv6 ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork;
        var address = new SocketAddress(family, (int)_length);
        Bytes.CopyTo(address.Buffer.Span);
        return (IPEndPoint)new IPEndPoint(IPAddress.Any, 0).Create(address);
    }

    /// <summary>sockaddr_in is 16 bytes and sockaddr_in6 28 on Linux and macOS alike.</summary>
    public readonly bool IsIpv6 => _length == BytesMax;

    /// <summary>An IPv4 peer of a dual-stack socket, ::ffff:a.b.c.d.</summary>
    public readonly bool IsIpv4Mapped => IsIpv6 && Bytes[8..20].SequenceEqual((ReadOnlySpan<byte>)[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);

    /// <summary>Both families keep the address from here: 4 bytes after the port, or 16 after port and flow label.</summary>
    public readonly ReadOnlySpan<byte> AddressPart => IsIpv6 ? Bytes[8..24] : Bytes[4..8];

    public void SetAddressPart(ReadOnlySpan<byte> part)
    {
        fixed (byte* bytes = _bytes)
        {
            part.CopyTo(new Span<byte>(bytes + (IsIpv6 ? 8 : 4), IsIpv6 ? 16 : 4));
        }
    }

    public readonly bool SameAs(in SockAddress other) => Bytes.SequenceEqual(other.Bytes);

    /// <summary>A view for the library; valid while this variable stays where it is (stack or pinned).</summary>
    public static ngtcp2_addr View(SockAddress* address) => new() { addr = address->_bytes, addrlen = address->_length };
}
