using System.Runtime.InteropServices;

namespace Fluxd.Daemon.AdminSocket;

/// <summary>The few calls of the C library that .NET has no word for.</summary>
internal static unsafe partial class Libc
{
    private const int CurrentFolder = -100;
    private const int NoFollow = 0x100;
    private const uint WantType = 1;
    private const int TypeMask = 0xF000;
    private const int TypeSocket = 0xC000;
    private const int BufferBytes = 64 * 1024;

    public static uint EffectiveUser => Geteuid();

    /// <summary>Null when the system has no such group.</summary>
    public static uint? GroupId(string name)
    {
        // struct group begins with two pointers (name, password) and then the id, on Linux and macOS alike.
        var group = stackalloc nint[8];
        var buffer = (byte*)NativeMemory.Alloc(BufferBytes);
        try
        {
            var found = Getgrnam(name, group, buffer, BufferBytes, out var result) == 0 && result != 0;
            return found ? *(uint*)(group + 2) : null;
        }
        finally
        {
            NativeMemory.Free(buffer);
        }
    }

    /// <summary>Null when the system has no such user.</summary>
    public static (uint User, uint Group)? UserId(string name)
    {
        // struct passwd begins with two pointers (name, password) and then both ids, on Linux and macOS alike.
        var user = stackalloc nint[16];
        var buffer = (byte*)NativeMemory.Alloc(BufferBytes);
        try
        {
            var found = Getpwnam(name, user, buffer, BufferBytes, out var result) == 0 && result != 0;
            return found ? (*(uint*)(user + 2), ((uint*)(user + 2))[1]) : null;
        }
        finally
        {
            NativeMemory.Free(buffer);
        }
    }

    /// <summary>
    /// From now on <see cref="CanWrite"/> and <see cref="CanRead"/> judge for another user: access(2) goes by the real
    /// ids, and all else by the effective ones, which stay. For root, for ever.
    /// </summary>
    public static bool TryJudgeFor(uint user, uint group) => Setregid(group, uint.MaxValue) == 0 && Setreuid(user, uint.MaxValue) == 0;

    /// <summary>Gives the file to a group and leaves its owner. False when this process may not.</summary>
    public static bool TryChangeGroup(string path, uint group) => Chown(path, uint.MaxValue, group) == 0;

    /// <summary>Is there a socket under this very name? Linux only; elsewhere the answer is yes.</summary>
    public static bool IsSocket(string path)
    {
        if (!OperatingSystem.IsLinux())
        {
            return true;
        }

        // struct statx: the mode is the 16-bit field at offset 28 on every architecture.
        var buffer = stackalloc byte[256];
        return Statx(CurrentFolder, path, NoFollow, WantType, buffer) == 0 && (*(ushort*)(buffer + 28) & TypeMask) == TypeSocket;
    }

    /// <summary>True when the kernel's clock is disciplined by NTP or PTP; null where it can't be asked.</summary>
    public static bool? IsClockSynchronised()
    {
        if (!OperatingSystem.IsLinux())
        {
            return null;
        }

        // All zero asks and sets nothing; TIME_ERROR (5) means unsynchronised.
        var timex = stackalloc byte[512];
        new Span<byte>(timex, 512).Clear();
        return Adjtimex(timex) is var state and >= 0 ? state != 5 : null;
    }

    /// <summary>How many files the file system under a path can hold, all in all and still; null where it doesn't say. Linux only.</summary>
    public static (ulong Total, ulong Free)? Inodes(string path)
    {
        if (!OperatingSystem.IsLinux())
        {
            return null;
        }

        // struct statfs of 64-bit Linux: type, bsize, blocks, bfree, bavail, files, ffree, each of eight bytes.
        var buffer = stackalloc ulong[512];
        return Statfs(path, buffer) == 0 ? (buffer[5], buffer[6]) : null;
    }

    /// <summary>May this process write there?</summary>
    public static bool CanWrite(string path) => Access(path, 2) == 0;

    public static bool CanRead(string path) => Access(path, 4) == 0;

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint Geteuid();

    [LibraryImport("libc", EntryPoint = "getgrnam_r", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Getgrnam(string name, nint* group, byte* buffer, nuint length, out nint result);

    [LibraryImport("libc", EntryPoint = "getpwnam_r", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Getpwnam(string name, nint* user, byte* buffer, nuint length, out nint result);

    [LibraryImport("libc", EntryPoint = "setreuid")]
    private static partial int Setreuid(uint real, uint effective);

    [LibraryImport("libc", EntryPoint = "setregid")]
    private static partial int Setregid(uint real, uint effective);

    [LibraryImport("libc", EntryPoint = "chown", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Chown(string path, uint owner, uint group);

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Statx(int folder, string path, int flags, uint mask, byte* buffer);

    [LibraryImport("libc", EntryPoint = "statfs", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Statfs(string path, ulong* buffer);

    [LibraryImport("libc", EntryPoint = "adjtimex")]
    private static partial int Adjtimex(byte* timex);

    [LibraryImport("libc", EntryPoint = "access", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Access(string path, int mode);
}
