using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Fluxd.Core.Admin;
using Xunit;
using static Fluxd.Testing.Findings;

namespace Fluxd.EndToEnd.House;

/// <summary>fluxctl doctor, status and version against the real daemon, and the doctor before real packet filters.</summary>
public sealed class DoctorTests : IDisposable
{
    private static readonly string[] s_checklist =
    [
        "security.strong-secrets", "security.https", "security.rate-limits", "security.cors", "security.firewall",
        "security.non-root", "security.read-only-system", "security.secrets", "security.network", "security.log",
    ];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("fluxd-doctor-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact(Timeout = 180_000)]
    public async Task The_doctor_looks_at_all_that_was_promised_and_has_a_cure_for_each_fault()
    {
        await using var daemon = DaemonProcess.Start("--set", "http.listen=127.0.0.1:0", "--set", "quic.enabled=true", "--set", "quic.listen=127.0.0.1:0");
        await daemon.ReadyAsync();

        var (exit, output, errors) = await RunAsync(daemon, "doctor", "--json");
        var checks = JsonSerializer.Deserialize(output, AdminJson.Default.IReadOnlyListCheckRecord)!;

        Assert.Equal("", errors);
        Assert.Equal(checks.Any(check => check.State == CheckState.Bad) ? 4 : 0, exit);
        string[] promised =
            [
                .. s_checklist,
                "tls.certificate", "tls.key", "tls.expiry", "tls.names", "tls.chain", "ports.http", "ports.sftp", "ports.quic", "disk.free", "disk.inodes", "disk.filesystem",
                "disk.writable", "store.permissions", "store.state", "store.copy", "store.scrub", "limits.nofile", "limits.file-max", "limits.somaxconn", "limits.udp-buffers",
                "clock.synchronised", "log.target", "libraries.zstd", "libraries.openssl", "libraries.quic", "libraries.msquic", "network.congestion", "network.public-name",
                "security.penalties", "daemon.version",
            ];
        Assert.Empty(promised.Except(checks.Select(check => check.Name)));
        Assert.DoesNotContain(checks, check => check.Found.Contains("check itself failed", StringComparison.Ordinal));
        Assert.All(checks, check => Assert.Equal(check.State is CheckState.Warning or CheckState.Bad, check.Cure is not null));
        Assert.Equal(CheckState.Good, checks.Single(check => check.Name == "ports.http").State);
    }

    [Fact(Timeout = 180_000)]
    public async Task Without_a_daemon_the_doctor_says_so_finds_what_keeps_it_from_starting_and_changes_nothing()
    {
        using var holder = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        holder.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        holder.Listen();
        var config = await WriteAsync(_folder.FullName, "", $"[http]\nlisten = [\"{holder.LocalEndPoint}\"]");
        var missing = await OfflineAsync(_folder.FullName, config);
        await new Fluxctl(_folder).RunAsync("store", "init", "--config", config);
        var before = Directory.EnumerateFileSystemEntries(_folder.FullName, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).ToArray();
        var found = await OfflineAsync(_folder.FullName, config);

        Assert.Contains("is not running", Is(found, "daemon.answers", CheckState.Bad).Found, StringComparison.Ordinal);
        Assert.Contains("store init", Is(missing, "store.present", CheckState.Bad).Found, StringComparison.Ordinal);
        Assert.Contains($"(process {Environment.ProcessId})", Is(found, "ports.http", CheckState.Bad).Found, StringComparison.Ordinal);
        Assert.All(["config.valid", "store.present", "admin.socket", "disk.writable", "store.permissions", "state.permissions", "libraries.sqlite"], name => Is(found, name, CheckState.Good));
        Assert.Empty(((string[])["disk.free", "limits.somaxconn", "clock.synchronised", "libraries.zstd", "security.secrets", "ports.sftp"]).Except(found.Select(check => check.Name)));
        Assert.DoesNotContain(found, check => check.Name is "limits.nofile" or "security.non-root" || check.Found.Contains("check itself failed", StringComparison.Ordinal));
        Assert.All(found, check => Assert.Equal(check.State is CheckState.Warning or CheckState.Bad, check.Cure is not null));
        Assert.Equal(before, Directory.EnumerateFileSystemEntries(_folder.FullName, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal));

        await File.AppendAllTextAsync(config, "level = ");
        var fault = Is(await OfflineAsync(_folder.FullName, config), "config.valid", CheckState.Bad);
        Assert.Contains("line ", fault.Found, StringComparison.Ordinal);
        Assert.Contains("--check-config", fault.Cure, StringComparison.Ordinal);
    }

    [Fact(Timeout = 180_000)]
    public async Task Asked_past_a_running_daemon_the_doctor_finds_it()
    {
        await using var daemon = DaemonProcess.Start("--set", "http.listen=127.0.0.1:0");
        await daemon.ReadyAsync();
        var config = await WriteAsync(daemon.Folder.FullName, "var/", "");

        var found = await OfflineAsync(daemon.Folder.FullName, config);
        Assert.Contains($"(process {daemon.Id})", Is(found, "store.present", CheckState.Bad).Found, StringComparison.Ordinal);
        Assert.Contains(daemon.Socket, Is(found, "admin.socket", CheckState.Bad).Cure, StringComparison.Ordinal);
        Assert.Equal(0, (await RunAsync(daemon, "store", "stat")).ExitCode);
    }

    [Fact(Timeout = 180_000)]
    public async Task A_configuration_that_is_not_the_daemons_is_refused_rather_than_looked_past()
    {
        var config = await WriteAsync(_folder.FullName, "", "[http]\nlisten = [\"127.0.0.1:0\"]");
        await using var daemon = DaemonProcess.Start("--config", config);
        await daemon.ReadyAsync();

        Assert.NotEqual(1, (await RunAsync(daemon, "doctor", "--config", config)).ExitCode);
        var (exit, _, errors) = await RunAsync(daemon, "doctor", "--config", config + ".other");
        Assert.Equal(1, exit);
        Assert.Contains(config, Assert.Single(errors.TrimEnd('\n').Split('\n')), StringComparison.Ordinal);
    }

    [Fact(Timeout = 180_000)]
    [Trait("Category", "Root")]
    public async Task Root_is_told_what_the_daemons_user_may_do_and_not_what_root_may()
    {
        // The user "daemon" is everywhere, and has a group of its name: what the user fluxd is to the package.
        Assert.Equal("root", Environment.UserName);
        var config = await WriteAsync(_folder.FullName, "", "group = \"daemon\"");
        File.SetUnixFileMode(config, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await new Fluxctl(_folder).RunAsync("store", "init", "--config", config);
        var found = await OfflineAsync(_folder.FullName, config);

        Assert.Contains("daemon", Is(found, "daemon.rights", CheckState.Good).Found, StringComparison.Ordinal);
        Assert.Contains("chown", Is(found, "disk.writable", CheckState.Bad).Cure, StringComparison.Ordinal);
        Assert.Contains(config, Is(found, "files.readable", CheckState.Bad).Found, StringComparison.Ordinal);
    }

    [Fact(Timeout = 180_000)]
    public async Task Status_shows_the_stores_figures_and_version_both_programs()
    {
        await using var daemon = DaemonProcess.Start("--set", "http.listen=127.0.0.1:0");
        await daemon.ReadyAsync();

        var status = JsonSerializer.Deserialize((await RunAsync(daemon, "status", "--json")).Output, AdminJson.Default.StatusRecord)!;
        var shown = (await RunAsync(daemon, "status")).Output;
        var (exit, versions, warning) = await RunAsync(daemon, "version");

        Assert.Equal(Path.Combine(daemon.Folder.FullName, "var", "store"), status.Store!.Path);
        Assert.True(status.Store.DiskBytesTotal > 0);
        Assert.All(["chunks", "packs", "catalogue copied", "free of", "reads and writes"], words => Assert.Contains(words, shown, StringComparison.Ordinal));
        Assert.Equal($"fluxctl {status.Version}\nfluxd   {status.Version}\n", versions);
        Assert.Equal((0, ""), (exit, warning));
    }

    [NetworkNamespaceFact(Timeout = 400_000)]
    public async Task Rules_of_real_packet_filters_are_read_as_the_kernel_reads_them()
    {
        await using var daemon = DaemonProcess.Start("--set", "http.enabled=false", "--set", "sftp.listen=0.0.0.0:0");
        await daemon.ReadyAsync();
        var status = JsonSerializer.Deserialize((await RunAsync(daemon, "status", "--json")).Output, AdminJson.Default.StatusRecord)!;
        var port = Listening.Parse(status.Frontends.Single(frontend => frontend.Name == "sftp").Endpoints[0])!.Port.ToString(System.Globalization.CultureInfo.InvariantCulture);
        const string usual = "ct state vmap { established : accept, related : accept, invalid : drop }; iifname lo accept; ip protocol icmp accept; ";
        (string Rules, CheckState State, string Cure)[] cases =
        [
            ("true", CheckState.Good, ""),
            (Nft($"policy drop; {usual}"), CheckState.Bad, $"nft insert rule inet filter input tcp dport {port} accept"),
            (Nft($"policy drop; {usual} tcp dport {{ 22, {port} }} ct state new accept;"), CheckState.Good, ""),
            (Nft($"policy drop; {usual} udp dport {port} accept; tcp dport 22 accept;"), CheckState.Bad, "nft insert"),
            (Nft($"policy drop; {usual} ip saddr 10.0.0.0/8 tcp dport {port} accept;"), CheckState.Warning, "nft insert"),
            (Nft($"policy accept; {usual} tcp dport 1-65535 jump deeper;", $"chain deeper {{ tcp dport vmap {{ {port} : drop, 22 : accept }}; }}"), CheckState.Bad, "nft insert"),
            (Nft($"policy drop; {usual} meta l4proto tcp tcp dport @doors limit rate 10/second accept;", $"set doors {{ type inet_service; flags interval; elements = {{ 22, {port} }}; }}"), CheckState.Good, ""),
            ("iptables-nft -P INPUT DROP && iptables-nft -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT", CheckState.Bad, $"iptables -I INPUT -p tcp --dport {port} -j ACCEPT"),
            ($"iptables-nft -P INPUT DROP && iptables-nft -A INPUT -p tcp -m multiport --dports 22,{port} -m comment --comment \"the \\\"door\\\"\" -j ACCEPT", CheckState.Good, ""),
            ($"iptables-nft -N ufw-user-input && iptables-nft -A INPUT -j ufw-user-input && iptables-nft -A INPUT ! -i lo -p tcp --dport {port} -j REJECT", CheckState.Bad, $"ufw allow {port}/tcp"),
        ];
        foreach (var (rules, state, cure) in cases)
        {
            var output = await InNetworkAsync($"{rules} && \"$0\" --socket \"$1\" doctor --json", daemon);
            var check = JsonSerializer.Deserialize(output, AdminJson.Default.IReadOnlyListCheckRecord)!.Single(check => check.Name == "security.firewall");

            Assert.True(check.State == state, rules + "\n" + check);
            Assert.True((check.Cure ?? "").Contains(cure, StringComparison.Ordinal), rules + "\n" + check);
        }
    }

    private static string Nft(string rules, string more = "") =>
        $"nft 'table inet filter {{\n{more}\nchain input {{\ntype filter hook input priority 0; {rules}\n}}\n}}'";

    /// <param name="below">Of the folder, where store and socket are.</param>
    /// <param name="more">Goes on in [admin].</param>
    private static async Task<string> WriteAsync(string folder, string below, string more)
    {
        var config = Path.Combine(folder, "fluxd.toml");
        await File.WriteAllTextAsync(
            config,
            $"[store]\npath = \"{folder}/{below}store\"\n[daemon]\nstate = \"{folder}/{below}state\"\n[sftp]\nenabled = false\n[quic]\nenabled = false\n[admin]\nsocket = \"{folder}/{below}fluxd.sock\"\n{more}\n");
        return config;
    }

    /// <summary>At a socket where nobody ever is.</summary>
    private static async Task<IReadOnlyList<CheckRecord>> OfflineAsync(string folder, string config)
    {
        var (exit, output, errors) = await new Fluxctl(new DirectoryInfo(folder)).TryAsync(null, "--socket", Path.Combine(folder, "none.sock"), "doctor", "--config", config, "--json");
        Assert.Equal((4, ""), (exit, errors));
        return JsonSerializer.Deserialize(output, AdminJson.Default.IReadOnlyListCheckRecord)!;
    }

    private static Task<(int ExitCode, string Output, string Errors)> RunAsync(DaemonProcess daemon, params string[] arguments) =>
        new Fluxctl(daemon.Folder).TryAsync(null, ["--socket", SocketOf(daemon), .. arguments]);

    private static string SocketOf(DaemonProcess daemon) => Path.Combine(daemon.Folder.FullName, "var", "fluxd.sock");

    /// <summary>In a network of its own nothing reaches the daemon but its Unix socket, which is a file.</summary>
    private static async Task<string> InNetworkAsync(string script, DaemonProcess daemon)
    {
        var words = NetworkNamespaceFactAttribute.Unshare!;
        var start = new ProcessStartInfo(words[0], [.. words[1..], "bash", "-c", script, Path.Combine(AppContext.BaseDirectory, "fluxctl"), SocketOf(daemon)])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["PATH"] = Environment.GetEnvironmentVariable("PATH") + ":/usr/sbin:/sbin";
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync().WaitAsync(DaemonProcess.Patience);
        await process.WaitForExitAsync().WaitAsync(DaemonProcess.Patience);
        return output.Length > 0 ? output : throw new InvalidOperationException(script + "\n" + await errors);
    }
}
