using System.Globalization;
using Fluxd.Core;
using Fluxd.Core.Admin;
using Fluxd.Daemon.AdminSocket;
using Fluxd.Daemon.Config;

namespace Fluxd.Daemon.Doctor;

/// <summary>The disks of the store, of its catalogue and of the daemon's own folder: room, kind, writable.</summary>
/// <param name="state">The daemon's own folder.</param>
internal sealed class DiskChecks(StoreConfig config, string state, Kernel kernel) : IDoctorCheck
{
    private static readonly string[] s_forgetful = ["tmpfs", "ramfs"];
    private static readonly string[] s_far = ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "lustre", "fuse", "afs", "virtiofs"];

    public string Name => "disk";

    public ValueTask<IReadOnlyList<CheckRecord>> RunAsync(CancellationToken ct)
    {
        var checks = new List<CheckRecord>();
        foreach (var (label, path) in Folders())
        {
            ct.ThrowIfCancellationRequested();
            checks.AddRange([Free(label, path), Inodes(label, path), Kind(label, path), Writable(label, path)]);
        }

        var folders = new[] { (Name: "store.permissions", config.Path), (Name: "state.permissions", Path: state) };
        checks.AddRange(folders.Where(folder => Directory.Exists(folder.Path)).Select(folder => Mode(folder.Name, folder.Path)));
        return new(checks);
    }

    /// <summary>The store's disk is called "disk"; another folder appears only where it lies on another disk.</summary>
    private IEnumerable<(string Label, string Path)> Folders()
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (label, path) in new[] { ("disk", config.Path), ("disk-catalogue", config.CatalogPath), ("disk-state", state) })
        {
            if (path.Length > 0 && Directory.Exists(path) && seen.Add(MountOf(path)?.Point ?? path))
            {
                yield return (label, path);
            }
        }
    }

    private CheckRecord Free(string label, string path)
    {
        var space = DiskSpace.Of(path);
        var used = space.PercentUsed;
        var isRefusing = used >= DiskSpace.RefusePercent || space.Free < config.KeepFree.Bytes;
        var found = $"{path}: {Check.Size(space.Free)} free, {used} % full.{(isRefusing ? " Uploads are refused, so that removing still works: it is {DiskSpace.RefusePercent} % full, or less than [store] keep_free is free." : "")}";
        var state = isRefusing ? CheckState.Bad : used >= DiskSpace.WarnPercent ? CheckState.Warning : CheckState.Good;
        return new CheckRecord(label + ".free", state, found, state == CheckState.Good ? null : "Make room or enlarge the disk; what is old goes sooner with a shorter [store] retention. Who holds how much: fluxctl users list");
    }

    private static CheckRecord Inodes(string label, string path)
    {
        var name = label + ".inodes";
        if (Libc.Inodes(path) is not { Total: > 0 } inodes)
        {
            return Check.Skipped(name, "This file system does not count its files.");
        }

        var used = (int)(100 - (100 * (decimal)inodes.Free / inodes.Total));
        return used < DiskSpace.WarnPercent
            ? Check.Good(name, $"{used} % of its inodes are in use.")
            : new CheckRecord(name, used >= DiskSpace.RefusePercent ? CheckState.Bad : CheckState.Warning, $"{path}: {used} % of its inodes are in use; no new file can be made when all are.", $"Remove other programs' files; find them with: sudo du --inodes -xd2 {path} | sort -n | tail");
    }

    private CheckRecord Kind(string label, string path)
    {
        var name = label + ".filesystem";
        if (MountOf(path) is not { } mount)
        {
            return Check.Skipped(name, "This system does not tell what file system it is.");
        }

        var kind = mount.Kind.Split('.')[0];
        return Array.Exists(s_forgetful, forgetful => forgetful == kind)
            ? Check.Bad(name, $"{path} lies in memory ({mount.Kind}): everything is gone with the next start of the machine.", "Put [store] path on a disk: fluxctl store backup FOLDER, then fluxctl store restore FOLDER NEWPATH")
            : Array.Exists(s_far, far => far == kind)
                ? Check.Warning(name, $"{path} lies on {mount.Kind}, where locks and syncs may not be what they say.", "Put [store] path on a disk of this machine, and back up to the network: fluxctl store backup FOLDER")
                : kind == "overlay"
                    ? Check.Warning(name, $"{path} lies in a container's own layer: it is gone with the container.", "Mount a volume there: -v fluxd:" + path)
                    : Check.Good(name, $"{path} lies on {mount.Kind} at {mount.Point}.");
    }

    private CheckRecord Writable(string label, string path)
    {
        var name = label + ".writable";
        if (Libc.CanWrite(path))
        {
            return Check.Good(name, $"The daemon may write to {path}.");
        }

        // A unit's own walls and the mount's options look the same to access(2); the mount table tells them apart.
        return MountOf(path) is { IsReadOnly: true } mount
            ? Check.Bad(name, $"{path} is mounted read-only ({mount.Point}).", $"sudo mount -o remount,rw {mount.Point}; when the kernel did it, look for the disk's errors: sudo dmesg | tail. In the unit: ReadWritePaths={path}")
            : Check.Bad(name, $"The daemon may not write to {path}.", $"sudo chown -R fluxd: {path}; in the unit (sudo systemctl edit fluxd), [Service]: ReadWritePaths={path}{(path.StartsWith("/home/", StringComparison.Ordinal) ? " and ProtectHome=no" : "")}");
    }

    private static CheckRecord Mode(string name, string path)
    {
        const UnixFileMode others = UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute | UnixFileMode.GroupWrite;
        return (File.GetUnixFileMode(path) & others) == 0
            ? Check.Good(name, $"Others on this machine can't look into {path}.")
            : Check.Bad(name, $"Others on this machine can look into {path}.", "sudo chmod 700 " + path);
    }

    private Mount? MountOf(string path)
    {
        var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));

        // Later lines lie over earlier ones.
        return kernel.Lines("proc/self/mountinfo").Select(Mount.Parse).OfType<Mount>()
            .Where(mount => full == mount.Point || full.StartsWith(mount.Point == "/" ? "/" : mount.Point + "/", StringComparison.Ordinal))
            .Aggregate((Mount?)null, (best, mount) => best is null || mount.Point.Length >= best.Point.Length ? mount : best);
    }

    private sealed record Mount(string Point, string Kind, bool IsReadOnly)
    {
        /// <summary>proc(5): id, parent, device, root, point, options, …, "-", kind, source, options of the file system.</summary>
        public static Mount? Parse(string line)
        {
            var words = line.Split(' ');
            var dash = Array.IndexOf(words, "-");
            return words.Length > 6 && dash > 5 && dash + 3 < words.Length
                ? new Mount(Unescape(words[4]), words[dash + 1], words[5].Split(',').Contains("ro") || words[dash + 3].Split(',').Contains("ro"))
                : null;
        }

        /// <summary>Spaces and the like stand there as \040.</summary>
        private static string Unescape(string text)
        {
            for (var at = text.IndexOf('\\', StringComparison.Ordinal); at >= 0 && at + 3 < text.Length; at = text.IndexOf('\\', at + 1))
            {
                var code = (char)Convert.ToInt32(text.Substring(at + 1, 3), 8);
                text = string.Create(CultureInfo.InvariantCulture, $"{text[..at]}{code}{text[(at + 4)..]}");
            }

            return text;
        }
    }
}
