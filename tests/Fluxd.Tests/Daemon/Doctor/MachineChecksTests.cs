using Fluxd.Core.Admin;
using Fluxd.Daemon.AdminSocket;
using Fluxd.Daemon.Config;
using Fluxd.Daemon.Doctor;
using Xunit;
using static Fluxd.Testing.Findings;

namespace Fluxd.Tests.Daemon.Doctor;

/// <summary>Limits, disks, secrets and the log: real files, and a /proc of the test's own where the machine's can't be changed.</summary>
public sealed class MachineChecksTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("fluxd-doctor-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Limits_that_are_too_low_come_with_the_line_that_lifts_them()
    {
        Proc("proc/self/limits", "Limit                     Soft Limit           Hard Limit           Units     \nMax open files            1024                 4096                 files     \n");
        Proc("proc/sys/fs/file-max", "100000\n");
        Proc("proc/sys/net/core/somaxconn", "128\n");
        Proc("proc/sys/net/core/rmem_max", "212992\n");
        Proc("proc/sys/net/core/wmem_max", "212992\n");

        var checks = await new LimitChecks(new Kernel(_folder.FullName)).RunAsync(default);

        Is(checks, "limits.nofile", CheckState.Warning, "LimitNOFILE=65535");
        Is(checks, "limits.file-max", CheckState.Warning, "sysctl -w fs.file-max=2097152");
        Is(checks, "limits.somaxconn", CheckState.Warning, "sysctl -w net.core.somaxconn=4096");
        Is(checks, "limits.udp-buffers", CheckState.Warning, "net.core.rmem_max=4194304");
    }

    [Fact]
    public async Task Limits_that_suffice_or_are_not_told_are_no_fault()
    {
        Proc("proc/self/limits", "Max open files            unlimited            unlimited            files     \n");
        Proc("proc/sys/fs/file-max", "9223372036854775807\n");

        var checks = await new LimitChecks(new Kernel(_folder.FullName)).RunAsync(default);

        Is(checks, "limits.nofile", CheckState.Good);
        Is(checks, "limits.file-max", CheckState.Good);
        Is(checks, "limits.somaxconn", CheckState.Skipped);
        Is(checks, "limits.udp-buffers", CheckState.Skipped);
    }

    [Fact]
    public async Task The_limits_of_this_very_machine_are_read()
    {
        var checks = await new LimitChecks(new Kernel()).RunAsync(default);

        Assert.All(["limits.nofile", "limits.file-max", "limits.somaxconn"], name => Assert.NotEqual(CheckState.Skipped, checks.Single(check => check.Name == name).State));
    }

    [Theory]
    [InlineData("tmpfs", "rw", CheckState.Bad, "lies in memory")]
    [InlineData("nfs4", "rw", CheckState.Warning, "locks")]
    [InlineData("fuse.sshfs", "rw", CheckState.Warning, "locks")]
    [InlineData("overlay", "rw", CheckState.Warning, "container")]
    [InlineData("ext4", "rw", CheckState.Good, "lies on ext4")]
    public async Task The_kind_of_file_system_is_judged(string kind, string options, CheckState state, string words)
    {
        var store = Make("my store");
        Proc("proc/self/mountinfo", $"22 1 8:1 / / rw - btrfs /dev/sda1 rw\n23 22 0:5 / {store.Replace(" ", "\\040", StringComparison.Ordinal)} {options} shared:1 - {kind} src rw\n");

        var checks = await new DiskChecks(new StoreConfig { Path = store }, store, new Kernel(_folder.FullName)).RunAsync(default);

        Assert.Contains(words, Is(checks, "disk.filesystem", state).Found, StringComparison.Ordinal);
        Is(checks, "disk.inodes", checks.Single(check => check.Name == "disk.inodes").State);
        Assert.DoesNotContain(checks, check => check.Name.StartsWith("disk-state", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Room_rights_and_modes_of_the_store_are_looked_at()
    {
        var store = Make("store");
        File.SetUnixFileMode(store, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.OtherRead);
        var state = Make("state");

        var checks = await new DiskChecks(new StoreConfig { Path = store, KeepFree = new ByteSize(long.MaxValue) }, state, new Kernel()).RunAsync(default);

        Assert.Contains("Uploads are refused", Is(checks, "disk.free", CheckState.Bad, "fluxctl users list").Found, StringComparison.Ordinal);
        Is(checks, "disk.writable", CheckState.Good);
        Is(checks, "store.permissions", CheckState.Bad, "sudo chmod 700 " + store);
        Is(checks, "state.permissions", CheckState.Good);
    }

    [Fact]
    public async Task A_read_only_mount_is_told_from_missing_rights()
    {
        // Nobody may write to /proc, root neither.
        Proc("proc/self/mountinfo", "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n23 22 0:5 / /proc ro,nosuid shared:1 - proc proc ro\n");
        var state = Make("state");

        var mounted = await new DiskChecks(new StoreConfig { Path = "/proc/sys" }, state, new Kernel(_folder.FullName)).RunAsync(default);
        var refused = await new DiskChecks(new StoreConfig { Path = "/proc/sys" }, state, new Kernel("/nowhere")).RunAsync(default);

        Is(mounted, "disk.writable", Libc.CanWrite("/proc/sys") ? CheckState.Good : CheckState.Bad, Libc.CanWrite("/proc/sys") ? null : "remount,rw /proc");
        Is(refused, "disk.writable", Libc.CanWrite("/proc/sys") ? CheckState.Good : CheckState.Bad, Libc.CanWrite("/proc/sys") ? null : "ReadWritePaths=/proc/sys");
    }

    [Fact]
    public async Task Secrets_that_others_may_read_or_that_are_short_are_found()
    {
        var state = Make("state");
        var secret = Path.Combine(state, "http.secret");
        await File.WriteAllBytesAsync(secret, new byte[32]);
        File.SetUnixFileMode(secret, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Is(await SecurityAsync(state), "security.secrets", CheckState.Good);
        Is(await SecurityAsync(state), "security.strong-secrets", CheckState.Good);

        File.SetUnixFileMode(secret, UnixFileMode.UserRead | UnixFileMode.GroupRead);
        Is(await SecurityAsync(state), "security.secrets", CheckState.Bad, "sudo chmod 600 " + secret);
        await File.WriteAllBytesAsync(secret, new byte[8]);
        Is(await SecurityAsync(state), "security.strong-secrets", CheckState.Bad, "sudo rm " + secret);

        File.Delete(secret);
        Directory.CreateDirectory(Path.Combine(state, "hostkeys"));
        var hostKey = Path.Combine(state, "hostkeys", "ssh_host_ed25519_key");
        await File.WriteAllTextAsync(hostKey, "key");
        File.SetUnixFileMode(hostKey, UnixFileMode.UserRead | UnixFileMode.OtherRead);
        Is(await SecurityAsync(state), "security.secrets", CheckState.Bad, hostKey);
    }

    [Fact]
    public async Task Others_may_not_change_the_settings_and_names_stay_out_of_the_log()
    {
        var state = Make("state");
        var file = Path.Combine(_folder.FullName, "fluxd.toml");
        await File.WriteAllTextAsync(file, "");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.OtherWrite);

        var checks = await SecurityAsync(state, file, new LogConfig { Level = "debug", Format = "text" });

        Is(checks, "security.secrets", CheckState.Bad, "sudo chmod go-w " + file);
        Is(checks, "security.log", CheckState.Warning, "level = \"info\"");
        Assert.Contains("standard error", checks.Single(check => check.Name == "log.target").Found, StringComparison.Ordinal);
        Is(await SecurityAsync(state), "security.log", CheckState.Good);
    }

    [Fact]
    public async Task Each_library_is_named_with_what_it_is_for()
    {
        var checks = await new LibraryChecks(new FluxdConfig { Quic = new QuicConfig { Enabled = false } }).RunAsync(default);

        Is(checks, "libraries.zstd", CheckState.Good);
        Is(checks, "libraries.openssl", CheckState.Good);
        Is(checks, "libraries.quic", CheckState.Skipped);
        Assert.Contains(checks, check => check.Name == "libraries.msquic");
        Is(await new LibraryChecks(new FluxdConfig { Sftp = new SftpConfig { Enabled = false }, Store = new StoreConfig { Compression = "off" } }).RunAsync(default), "libraries.zstd", CheckState.Skipped);
    }

    private static async Task<IReadOnlyList<CheckRecord>> SecurityAsync(string state, string? file = null, LogConfig? log = null) =>
        await new SecurityChecks(() => new FluxdConfig { Log = log ?? new LogConfig() }, file, state, journalOffered: false).RunAsync(default);

    private string Make(string name) =>
        Directory.CreateDirectory(Path.Combine(_folder.FullName, name), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute).FullName;

    private void Proc(string path, string text)
    {
        var file = Path.Combine(_folder.FullName, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
    }
}
