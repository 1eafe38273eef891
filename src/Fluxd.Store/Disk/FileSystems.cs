using System.Buffers.Binary;

namespace Fluxd.Store.Disk;

/// <summary>File systems on which locks may be lies and a sync may not reach a disk.</summary>
internal static class FileSystems
{
    // Larger than any system's struct statfs.
    private const int StatBytes = 4096;

    internal static string? Untrusted(string path) => OperatingSystem.IsLinux()
        ? NameOf(TypeOf(path))
        : new DriveInfo(path).DriveType == DriveType.Network ? new DriveInfo(path).DriveFormat : null;

    /// <summary>By the f_type of statfs(2).</summary>
    internal static string? NameOf(uint type) => type switch
    {
        0x6969 => "nfs",
        0x517B or 0xFF534D42 or 0xFE534D42 => "smb",
        0x6573_5546 => "fuse",
        0x0102_1997 => "9p",
        0x00C3_6400 => "ceph",
        0x5346_414F or 0x6B41_4653 => "afs",
        0x7375_7245 => "coda",
        0x0000_564C => "ncp",
        0x0BD0_0BD0 => "lustre",
        0x1983_0326 => "beegfs",
        0x7461_636F => "ocfs2",
        0x0116_1970 => "gfs2",
        _ => null,
    };

    private static unsafe uint TypeOf(string path)
    {
        var buffer = stackalloc byte[StatBytes];
        if (Libc.StatFileSystem(path, buffer) != 0)
            throw new DiskException(DiskFault.Failed, "examining", path, "statfs refused");
        return BinaryPrimitives.ReadUInt32LittleEndian(new ReadOnlySpan<byte>(buffer, sizeof(uint)));
    }
}
