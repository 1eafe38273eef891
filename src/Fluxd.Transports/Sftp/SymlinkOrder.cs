namespace Fluxd.Transports.Sftp;

/// <summary>
/// The draft says (link, target); OpenSSH has always taken (target, link), and nearly every client sends what OpenSSH
/// takes. AsyncSSH, libssh and WinSCP do so only when the server's identification contains "OpenSSH", which ours does not.
/// </summary>
internal static class SymlinkOrder
{
    private static readonly string[] ByDraft = ["AsyncSSH", "libssh-", "libssh_", "WinSCP"];

    public static bool IsByDraft(string clientVersion) =>
        Array.Exists(ByDraft, name => clientVersion.Contains(name, StringComparison.OrdinalIgnoreCase));
}
