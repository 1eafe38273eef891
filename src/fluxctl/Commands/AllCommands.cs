using System.CommandLine;

namespace Fluxctl.Commands;

/// <param name="Make">Called only when this command is the one that was asked for.</param>
internal sealed record CommandEntry(string Name, Func<Command> Make);

/// <summary>Every command; each has a file of its own in this folder.</summary>
internal static class AllCommands
{
    public static readonly CommandEntry[] Table =
    [
        new("status", StatusCommand.Make),
        new("reload", ReloadCommand.Make),
        new("doctor", DoctorCommand.Make),
        new("why", WhyCommand.Make),
        new("version", VersionCommand.Make),
        new("users", UsersCommand.Make),
        new("keys", KeysCommand.Make),
        new("tokens", TokensCommand.Make),
        new("groups", GroupsCommand.Make),
        new("folders", FoldersCommand.Make),
        new("sessions", SessionsCommand.Make),
        new("audit", AuditCommand.Make),
        new("sftp", SftpCommand.Make),
        new("store", StoreCommand.Make),
        new("login", LoginCommand.Make),
        new("put", PutCommand.Make),
        new("get", GetCommand.Make),
        new("ls", LsCommand.Make),
        new("rm", RmCommand.Make),
        new("mv", MvCommand.Make),
        new("mkdir", MkdirCommand.Make),
        new("sync", SyncCommand.Make),
    ];
}
