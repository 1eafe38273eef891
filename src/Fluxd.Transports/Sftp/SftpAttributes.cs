using Fluxd.Core.Files;

namespace Fluxd.Transports.Sftp;

/// <summary>The ATTRS structure of version 3: seconds only, so what it says replaces whole times.</summary>
internal static class SftpAttributes
{
    private const uint HasSize = 0x01;
    private const uint HasOwner = 0x02;
    private const uint HasPermissions = 0x04;
    private const uint HasTimes = 0x08;
    private const uint HasExtended = 0x80000000;

    private const uint TypeFolder = 0x4000;
    private const uint TypeFile = 0x8000;
    private const uint TypeSymlink = 0xA000;

    /// <summary>Owner and group are read and let go: fluxd's rights are not decided by them.</summary>
    public static AttributeChange Read(ref SftpReader reader)
    {
        var flags = reader.ReadUInt32();
        long? size = (flags & HasSize) != 0 ? reader.ReadOffset() : null;
        if ((flags & HasOwner) != 0)
        {
            reader.ReadUInt64();
        }

        int? mode = (flags & HasPermissions) != 0 ? (int)(reader.ReadUInt32() & 0xFFF) : null;
        FileTime? accessed = null, modified = null;
        if ((flags & HasTimes) != 0)
        {
            accessed = FileTime.FromSeconds(reader.ReadUInt32());
            modified = FileTime.FromSeconds(reader.ReadUInt32());
        }

        if ((flags & HasExtended) != 0)
        {
            SkipExtended(ref reader);
        }

        return new AttributeChange { Size = size, Mode = mode, AccessedAt = accessed, ModifiedAt = modified };
    }

    private static void SkipExtended(ref SftpReader reader)
    {
        var count = reader.ReadUInt32();
        for (var i = 0u; i < count; i++)
        {
            reader.ReadStringInPlace();
            reader.ReadStringInPlace();
        }
    }

    public static SftpPacket Attributes(this SftpPacket packet, NodeInfo node) => packet
        .UInt32(HasSize | HasOwner | HasPermissions | HasTimes)
        .UInt64((ulong)node.Size)
        .UInt32(OwnerOf(node))
        .UInt32(OwnerOf(node))
        .UInt32(ModeOf(node))
        .UInt32(SecondsOf(node.AccessedAt))
        .UInt32(SecondsOf(node.ModifiedAt));

    public static uint ModeOf(NodeInfo node) => (uint)node.Mode | node.Kind switch
    {
        NodeKind.Folder => TypeFolder,
        NodeKind.Symlink => TypeSymlink,
        _ => TypeFile,
    };

    public static uint OwnerOf(NodeInfo node) => (uint)node.OwnerId;

    /// <summary>Version 3 counts seconds in 32 bits without sign: 1970 to 2106.</summary>
    private static uint SecondsOf(FileTime time) => (uint)Math.Clamp(time.Seconds, 0, uint.MaxValue);
}
