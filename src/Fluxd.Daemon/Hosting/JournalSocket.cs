using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Fluxd.Daemon.Hosting;

/// <summary>
/// journald's native protocol, the sending end: one datagram is one entry; an entry too large for a datagram travels as
/// a sealed memfd in an otherwise empty one. Thread-safe. An entry that can't be sent is reported, not retried.
/// </summary>
internal sealed partial class JournalSocket : IDisposable
{
    public const string SystemPath = "/run/systemd/journal/socket";

    private const int MessageTooLong = 90; // EMSGSIZE
    private const int NoBuffers = 105; // ENOBUFS

    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);

    public JournalSocket(string path) => _socket.Connect(new UnixDomainSocketEndPoint(path));

    public bool TrySend(ReadOnlySpan<byte> entry)
    {
        try
        {
            _socket.Send(entry);
            return true;
        }
        catch (SocketException e) when (e.NativeErrorCode is MessageTooLong or NoBuffers)
        {
            return TrySendAsFile(entry);
        }
        catch (SocketException)
        {
            return false;
        }
    }

    public void Dispose() => _socket.Dispose();

    private unsafe bool TrySendAsFile(ReadOnlySpan<byte> entry)
    {
        const uint CloseOnExecAllowSealing = 3; // MFD_CLOEXEC | MFD_ALLOW_SEALING
        const int AddSeals = 1033; // F_ADD_SEALS
        const int AllSeals = 0xF; // seal, shrink, grow, write: the journal maps it and must not see it change
        var descriptor = CreateMemoryFile("fluxd-journal", CloseOnExecAllowSealing);
        if (descriptor < 0)
        {
            return false;
        }

        using var handle = new Microsoft.Win32.SafeHandles.SafeFileHandle(descriptor, ownsHandle: true);
        RandomAccess.Write(handle, entry, 0);
        return SetSeals(descriptor, AddSeals, AllSeals) == 0 && SendDescriptor((int)_socket.Handle, descriptor);
    }

    /// <summary>sendmsg(2) with SCM_RIGHTS, which the managed Socket can't do.</summary>
    private static unsafe bool SendDescriptor(int socket, int descriptor)
    {
        var control = new ControlMessage { Length = 20, Level = 1, Type = 1, Descriptor = descriptor };
        var message = new Message { Control = &control, ControlLength = (nuint)sizeof(ControlMessage) };
        return SendMessage(socket, &message, 0) >= 0;
    }

    [LibraryImport("libc", EntryPoint = "memfd_create", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int CreateMemoryFile(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int SetSeals(int descriptor, int command, int seals);

    [LibraryImport("libc", EntryPoint = "sendmsg", SetLastError = true)]
    private static unsafe partial nint SendMessage(int socket, Message* message, int flags);

    /// <summary>struct msghdr of 64-bit Linux.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private unsafe struct Message
    {
        public void* Name;
        public uint NameLength;
        public void* Vector;
        public nuint VectorLength;
        public void* Control;
        public nuint ControlLength;
        public int Flags;
    }

    /// <summary>struct cmsghdr with one descriptor, padded to eight bytes.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 24)]
    private struct ControlMessage
    {
        public nuint Length;
        public int Level;
        public int Type;
        public int Descriptor;
    }
}
