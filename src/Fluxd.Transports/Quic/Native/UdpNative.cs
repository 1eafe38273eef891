using System.Runtime.InteropServices;

namespace Fluxd.Transports.Quic.Native;

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct IoVec
{
    public void* Base;
    public nuint Length;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct MsgHdr
{
    public void* Name;
    public uint NameLength;
    public IoVec* Vectors;
    public nuint VectorCount;
    public void* Control;
    public nuint ControlLength;
    public int Flags;
}

[StructLayout(LayoutKind.Sequential)]
internal struct MMsgHdr
{
    public MsgHdr Header;
    public uint Length;
}

[StructLayout(LayoutKind.Sequential)]
internal struct PollFd
{
    public int Descriptor;
    public short Events, ReturnedEvents;
}

[StructLayout(LayoutKind.Sequential)]
internal struct TimeSpec
{
    public long Seconds, Nanoseconds;
}

/// <summary>
/// Linux socket calls that <see cref="System.Net.Sockets.Socket"/> cannot make: control messages when sending
/// (segmentation offload, ECN, source address) and many datagrams per call when receiving.
/// </summary>
internal static unsafe partial class UdpNative
{
    private const string C = "libc";

    public const int IpProtocolIp = 0, IpProtocolIpv6 = 41, IpProtocolUdp = 17;
    public const int IpTos = 1, IpPktInfo = 8, IpMtuDiscover = 10, IpRecvTos = 13;
    public const int Ipv6MtuDiscover = 23, Ipv6RecvPktInfo = 49, Ipv6PktInfo = 50, Ipv6RecvTrafficClass = 66, Ipv6TrafficClass = 67;
    public const int UdpSegment = 103, UdpGro = 104;
    public const int PmtuDiscoverProbe = 3;
    public const int DontWait = 0x40;
    public const short PollIn = 1, PollOut = 4;
    public const int EventFdNonBlockCloseOnExec = 0x80800;
    public const int ErrorAgain = 11, ErrorIo = 5, ErrorInvalid = 22, ErrorNoBuffers = 105;

    [LibraryImport(C, SetLastError = true)] public static partial nint sendmsg(int descriptor, MsgHdr* message, int flags);
    [LibraryImport(C, SetLastError = true)] public static partial int recvmmsg(int descriptor, MMsgHdr* messages, uint count, int flags, void* timeout);
    [LibraryImport(C, SetLastError = true)] public static partial int ppoll(PollFd* descriptors, nuint count, TimeSpec* timeout, void* signalMask);
    [LibraryImport(C, SetLastError = true)] public static partial int eventfd(uint initial, int flags);
    [LibraryImport(C, SetLastError = true)] public static partial nint read(int descriptor, void* buffer, nuint count);
    [LibraryImport(C, SetLastError = true)] public static partial nint write(int descriptor, void* buffer, nuint count);
    [LibraryImport(C, SetLastError = true)] public static partial int close(int descriptor);
    [LibraryImport(C, SetLastError = true)] public static partial int setsockopt(int descriptor, int level, int name, void* value, uint length);
}
