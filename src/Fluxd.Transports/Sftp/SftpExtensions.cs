namespace Fluxd.Transports.Sftp;

/// <summary>The extensions that VERSION announces, with the versions that OpenSSH gives them.</summary>
internal static class SftpExtensions
{
    public const string PosixRename = "posix-rename@openssh.com";
    public const string StatVfs = "statvfs@openssh.com";
    public const string FStatVfs = "fstatvfs@openssh.com";
    public const string HardLink = "hardlink@openssh.com";
    public const string Fsync = "fsync@openssh.com";
    public const string LSetStat = "lsetstat@openssh.com";
    public const string LimitsName = "limits@openssh.com";
    public const string ExpandPath = "expand-path@openssh.com";
    public const string CopyData = "copy-data";
    public const string HomeDirectory = "home-directory";
    public const string UsersGroupsById = "users-groups-by-id@openssh.com";
    public const string CheckFile = "check-file";
    public const string CheckFileHandle = "check-file-handle";
    public const string CheckFileName = "check-file-name";

    private static readonly (string Name, string Version)[] Announced =
    [
        (PosixRename, "1"), (StatVfs, "2"), (FStatVfs, "2"), (HardLink, "1"), (Fsync, "1"), (LSetStat, "1"),
        (LimitsName, "1"), (ExpandPath, "1"), (CopyData, "1"), (HomeDirectory, "1"), (UsersGroupsById, "1"), (CheckFile, "1"),
    ];

    public static void Announce(SftpPacket packet)
    {
        packet.Start(SftpPacketType.Version, 3);
        foreach (var (name, version) in Announced)
        {
            packet.String(name).String(version);
        }
    }
}
