using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Fluxd.Bench.Wan;

/// <summary>A TUN device inside a network namespace, read and written from outside of it.</summary>
internal sealed partial class TunDevice : IDisposable
{
    private const int ReadWrite = 2, NonBlocking = 0x800, NewNet = 0x40000000, WithoutHeader = 0x1001;
    private const ulong SetInterface = 0x400454ca;
    private readonly SafeFileHandle _handle;

    /// <summary>The device belongs to the namespace of the thread that opens it, so a thread goes there and comes back.</summary>
    public TunDevice(string networkNamespace, string name)
    {
        using var home = Open("/proc/thread-self/ns/net", 0);
        using var there = Open($"/run/netns/{networkNamespace}", 0);
        Check(SetNamespace(there, NewNet), $"enter the namespace {networkNamespace}");
        try
        {
            _handle = Open("/dev/net/tun", ReadWrite | NonBlocking);
            Span<byte> request = stackalloc byte[40];
            request.Clear();
            Encoding.ASCII.GetBytes(name, request);
            BitConverter.TryWriteBytes(request[16..], (short)WithoutHeader);
            Check(Control(_handle, SetInterface, ref MemoryMarshal.GetReference(request)), "make a TUN device");
        }
        finally
        {
            Check(SetNamespace(home, NewNet), "come back");
        }
    }

    public int Descriptor => (int)_handle.DangerousGetHandle();

    /// <summary>0 when nothing waits.</summary>
    public int Read(Span<byte> buffer) => (int)Math.Max(0, ReadFile(_handle, ref MemoryMarshal.GetReference(buffer), buffer.Length));

    /// <summary>A full device drops, as a network card does.</summary>
    public void Write(ReadOnlySpan<byte> packet) => _ = WriteFile(_handle, in MemoryMarshal.GetReference(packet), packet.Length);

    /// <summary>Waits until one of both has packets, at most this long.</summary>
    public static void WaitForEither(TunDevice a, TunDevice b, double milliseconds)
    {
        Span<Poll> both = [new Poll { Descriptor = a.Descriptor, Events = 1 }, new Poll { Descriptor = b.Descriptor, Events = 1 }];
        var wait = new Time { Seconds = (long)(milliseconds / 1000), Nanoseconds = (long)(milliseconds % 1000 * 1e6) };
        _ = PollFor(ref MemoryMarshal.GetReference(both), 2, in wait, 0);
    }

    public void Dispose() => _handle.Dispose();

    private static SafeFileHandle Open(string path, int flags)
    {
        var handle = new SafeFileHandle(OpenFile(path, flags), ownsHandle: true);
        return handle.IsInvalid ? throw new IOException($"Can't open {path}: {Marshal.GetLastPInvokeErrorMessage()}.") : handle;
    }

    private static void Check(int result, string what)
    {
        if (result < 0)
        {
            throw new IOException($"Can't {what}: {Marshal.GetLastPInvokeErrorMessage()}.");
        }
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenFile(string path, int flags);

    [LibraryImport("libc", EntryPoint = "setns", SetLastError = true)]
    private static partial int SetNamespace(SafeFileHandle file, int kind);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Control(SafeFileHandle file, ulong request, ref byte argument);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint ReadFile(SafeFileHandle file, ref byte buffer, nint count);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint WriteFile(SafeFileHandle file, in byte buffer, nint count);

    [LibraryImport("libc", EntryPoint = "ppoll", SetLastError = true)]
    private static partial int PollFor(ref Poll polls, nuint count, in Time timeout, nint signals);

    private struct Poll
    {
        public int Descriptor;
        public short Events;
        public short Happened;
    }

    private struct Time
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
