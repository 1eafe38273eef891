using System.Globalization;
using System.Runtime.InteropServices;
using Fluxd.Core.Admin;
using Fluxd.Daemon.AdminSocket;

namespace Fluxd.Daemon.Doctor;

/// <summary>What the machine gives: limits, disk, permissions, clock, libraries. Only looks.</summary>
internal sealed class SystemChecks(string storePath, string? configFile) : IDoctorCheck
{
    private const long OpenFilesWanted = 65_535;
    private const long BacklogWanted = 4096;
    private const int DiskWarnPercent = 80;
    private const int DiskBadPercent = 95;

    public string Name => "system";

    public ValueTask<IReadOnlyList<CheckRecord>> RunAsync(CancellationToken ct) =>
        new([OpenFiles(), Backlog(), Disk(), StoreMode(), ConfigMode(), Clock(), Root(), ReadOnlySystem(), Compression()]);

    private static CheckRecord OpenFiles()
    {
        const string name = "limits.nofile";
        var line = ReadLines("/proc/self/limits").FirstOrDefault(text => text.StartsWith("Max open files", StringComparison.Ordinal));
        if (line?.Split(' ', StringSplitOptions.RemoveEmptyEntries) is not [_, _, _, var soft, ..] || !long.TryParse(soft, NumberStyles.None, CultureInfo.InvariantCulture, out var limit))
        {
            return Skipped(name, "This system does not tell the limit of open files.");
        }

        return limit >= OpenFilesWanted
            ? Good(name, $"{limit} files and connections may be open.")
            : new CheckRecord(name, CheckState.Warning, $"Only {limit} files and connections may be open.", $"In the unit, [Service]: LimitNOFILE={OpenFilesWanted}");
    }

    private static CheckRecord Backlog()
    {
        const string name = "limits.somaxconn";
        if (!long.TryParse(ReadLines("/proc/sys/net/core/somaxconn").FirstOrDefault(), NumberStyles.None, CultureInfo.InvariantCulture, out var backlog))
        {
            return Skipped(name, "This system does not tell how many connections may wait.");
        }

        return backlog >= BacklogWanted
            ? Good(name, $"{backlog} connections may wait to be accepted.")
            : new CheckRecord(name, CheckState.Warning, $"Only {backlog} connections may wait to be accepted.", $"sudo sysctl -w net.core.somaxconn={BacklogWanted}");
    }

    private CheckRecord Disk()
    {
        const string name = "disk.free";
        var drive = new DriveInfo(storePath);
        var used = drive.TotalSize == 0 ? 0 : (int)(100 - (100 * drive.AvailableFreeSpace / drive.TotalSize));
        var state = used >= DiskBadPercent ? CheckState.Bad : used >= DiskWarnPercent ? CheckState.Warning : CheckState.Good;
        return new CheckRecord(name, state, $"The store's disk is {used} % full.", state == CheckState.Good ? null : $"Make room on the disk of {storePath}, or lower quotas: fluxctl users list");
    }

    private CheckRecord StoreMode() => ModeOf("store.permissions", storePath, "chmod 700 " + storePath);

    private CheckRecord ConfigMode() => configFile is null
        ? Skipped("security.secrets", "There is no configuration file.")
        : (File.GetUnixFileMode(configFile) & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) == 0
            ? Good("security.secrets", "The configuration can be changed by its owner alone, and secrets are read from files of their own.")
            : new CheckRecord("security.secrets", CheckState.Bad, "Others than its owner may change the configuration.", "sudo chmod go-w " + configFile);

    private static CheckRecord ModeOf(string name, string path, string cure) =>
        (File.GetUnixFileMode(path) & (UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute)) == 0
            ? Good(name, "Others on this machine can't look into the store.")
            : new CheckRecord(name, CheckState.Bad, "Others on this machine can look into the store.", cure);

    private static CheckRecord Clock() => Libc.IsClockSynchronised() switch
    {
        null => Skipped("clock.synchronised", "This system does not tell whether its clock is synchronised."),
        true => Good("clock.synchronised", "The clock is synchronised."),
        false => new CheckRecord("clock.synchronised", CheckState.Warning, "The clock is not synchronised, so nothing expires.", "sudo timedatectl set-ntp true"),
    };

    private static CheckRecord Root() => Libc.EffectiveUser != 0
        ? Good("security.non-root", "The daemon does not run as root.")
        : new CheckRecord("security.non-root", CheckState.Warning, "The daemon runs as root.", "Use the packaged unit: sudo systemctl enable --now fluxd");

    private static CheckRecord ReadOnlySystem() => !Libc.CanWrite("/usr")
        ? Good("security.read-only-system", "The daemon can't write to the system's own files.")
        : new CheckRecord("security.read-only-system", CheckState.Warning, "The daemon may write to the system's own files.", "In the unit, [Service]: ProtectSystem=strict");

    private static CheckRecord Compression()
    {
        const string name = "libraries.zstd";
        if (NativeLibrary.TryLoad("libzstd.so.1", out var handle))
        {
            NativeLibrary.Free(handle);
            return Good(name, "libzstd is there: what pays is compressed.");
        }

        return new CheckRecord(name, CheckState.Warning, "libzstd is missing: everything is stored uncompressed.", "sudo apt-get install libzstd1");
    }

    private static IEnumerable<string> ReadLines(string path) => File.Exists(path) ? File.ReadLines(path) : [];

    private static CheckRecord Good(string name, string found) => new(name, CheckState.Good, found);

    private static CheckRecord Skipped(string name, string found) => new(name, CheckState.Skipped, found);
}
