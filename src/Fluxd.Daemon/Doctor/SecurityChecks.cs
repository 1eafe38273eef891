using Fluxd.Core.Admin;
using Fluxd.Daemon.AdminSocket;
using Fluxd.Daemon.Config;
using Fluxd.Daemon.Hosting;

namespace Fluxd.Daemon.Doctor;

/// <summary>Whether a fault in the daemon, or a neighbour on this machine, would find more than it must: secrets, rights, the log.</summary>
/// <param name="config">The settings in force.</param>
/// <param name="configFile">Null without one.</param>
/// <param name="state">The daemon's own folder.</param>
/// <param name="journalOffered">systemd connected standard error to the journal.</param>
internal sealed class SecurityChecks(Func<FluxdConfig> config, string? configFile, string state, bool journalOffered) : IDoctorCheck
{
    private const int SecretBytesMin = 32;
    private const UnixFileMode Others = UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;
    private const UnixFileMode NotOwners = Others | UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute;

    public string Name => "security";

    public ValueTask<IReadOnlyList<CheckRecord>> RunAsync(CancellationToken ct) => new([Strength(), Secrets(), Root(), ReadOnlySystem(), LogContent(), LogTarget()]);

    private CheckRecord Strength()
    {
        const string name = "security.strong-secrets";
        var weak = SecretFiles("*.secret").Where(file => new FileInfo(file).Length < SecretBytesMin).ToArray();
        return weak.Length == 0
            ? Check.Good(name, $"Tokens are signed with {SecretBytesMin} random bytes, and passwords are kept as PBKDF2 hashes.")
            : Check.Bad(name, $"{weak[0]} is shorter than {SecretBytesMin} bytes.", $"sudo rm {weak[0]} && sudo systemctl restart fluxd   (a new one is made; who is signed in signs in again)");
    }

    /// <summary>Each secret in a file of its own that its owner alone may read; none in the settings.</summary>
    private CheckRecord Secrets()
    {
        const string name = "security.secrets";
        if (configFile is not null && (File.GetUnixFileMode(configFile) & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) != 0)
        {
            return Check.Bad(name, $"Others than its owner may change {configFile}.", "sudo chmod go-w " + configFile);
        }

        var hostKeys = config().Sftp.HostKeys is { Length: > 0 } named ? named : Path.Combine(state, "hostkeys");
        var open = SecretFiles("*.secret").Concat(SecretFiles("*.pem")).Concat(FilesIn(hostKeys, "ssh_host_*_key*").Where(file => !file.EndsWith(".pub", StringComparison.Ordinal)))
            .FirstOrDefault(file => (File.GetUnixFileMode(file) & NotOwners) != 0);
        return open is null
            ? Check.Good(name, "Every secret lies in a file that the daemon's user alone may read.")
            : Check.Bad(name, $"Others than its owner may read {open}.", "sudo chmod 600 " + open);
    }

    private IEnumerable<string> SecretFiles(string pattern) => FilesIn(state, pattern);

    private static IEnumerable<string> FilesIn(string folder, string pattern) => Directory.Exists(folder) ? Directory.EnumerateFiles(folder, pattern) : [];

    private static CheckRecord Root() => Libc.EffectiveUser != 0
        ? Check.Good("security.non-root", "The daemon does not run as root.")
        : Check.Warning("security.non-root", "The daemon runs as root.", "Use the packaged unit: sudo systemctl enable --now fluxd");

    private static CheckRecord ReadOnlySystem() => !Libc.CanWrite("/usr")
        ? Check.Good("security.read-only-system", "The daemon can't write to the system's own files.")
        : Check.Warning("security.read-only-system", "The daemon may write to the system's own files.", "In the unit (sudo systemctl edit fluxd), [Service]: ProtectSystem=strict");

    /// <summary>Secrets are never logged; names of files are from debug on.</summary>
    private CheckRecord LogContent() => config().Log.Level is "debug" or "trace"
        ? Check.Warning("security.log", $"At level {config().Log.Level} names of files stand in the log.", "[log] level = \"info\", then: fluxctl reload")
        : Check.Good("security.log", "Neither secrets nor names of files are logged at this level.");

    private CheckRecord LogTarget()
    {
        const string name = "log.target";
        var format = config().Log.Format == "auto" && journalOffered ? "journal" : config().Log.Format;
        if (format == "journal")
        {
            return !File.Exists(JournalSocket.SystemPath)
                ? Check.Warning(name, "There is no journal to log to; lines go to standard error.", "[log] format = \"text\" or \"json\", or start systemd-journald")
                : Libc.CanWrite(JournalSocket.SystemPath)
                    ? Check.Good(name, "The log goes to the journal: journalctl -u fluxd")
                    : Check.Bad(name, "The daemon may not write to the journal's socket; lines go to standard error.", "sudo systemctl restart systemd-journald; in the unit nothing may hide " + JournalSocket.SystemPath);
        }

        return OfDescriptor(name, format == "json" ? 1 : 2);
    }

    private static CheckRecord OfDescriptor(string name, int descriptor)
    {
        var what = descriptor == 1 ? "standard output" : "standard error";
        var target = new FileInfo($"/proc/self/fd/{descriptor}").LinkTarget;
        return target switch
        {
            null => Check.Skipped(name, $"The log goes to {what}; this system does not tell where that leads."),
            "/dev/null" => Check.Warning(name, $"The log goes to {what}, which leads nowhere (/dev/null).", "Start fluxd with its output redirected to a file, or as a service: journalctl -u fluxd"),
            _ when target.EndsWith(" (deleted)", StringComparison.Ordinal) => Check.Bad(name, $"The log's file was removed while it is written to: {target}", "Restart fluxd; rotate with copytruncate"),
            ['/', ..] when !target.StartsWith("/dev/", StringComparison.Ordinal) && File.Exists(target) => OfFile(name, target),
            _ => Check.Good(name, $"The log goes to {what} ({target})."),
        };
    }

    private static CheckRecord OfFile(string name, string file)
    {
        var free = new DriveInfo(Path.GetDirectoryName(file)!).AvailableFreeSpace;
        return free >= 64L << 20
            ? Check.Good(name, $"The log goes to {file}.")
            : Check.Bad(name, $"The log goes to {file}, and {Check.Size(free)} are free on its disk.", "Rotate or remove old logs there");
    }
}
