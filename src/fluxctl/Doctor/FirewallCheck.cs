using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;
using Fluxd.Core.Admin;

namespace Fluxctl.Doctor;

/// <summary>
/// Whether this machine's own packet filter lets anybody through to where the daemon listens. Asked by fluxctl and not by
/// the daemon, which may neither start programs nor see the rules; root may.
/// </summary>
internal static class FirewallCheck
{
    private const string Name = "security.firewall";
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    public static async Task<IReadOnlyList<CheckRecord>> RunAsync(StatusRecord status, CancellationToken ct)
    {
        var doors = status.Frontends.SelectMany(frontend => frontend.Endpoints.Select(endpoint => (frontend.Name, Door: Listening.Parse(endpoint))))
            .Where(door => door.Door is { IsLoopback: false }).Select(door => (door.Name, door.Door!)).ToArray();
        if (doors.Length == 0)
        {
            return [new CheckRecord(Name, CheckState.Good, "Nothing listens beyond this machine, so no firewall stands in the way or is needed.")];
        }

        if (!OperatingSystem.IsLinux())
        {
            return [new CheckRecord(Name, CheckState.Skipped, "The firewall is looked at on Linux only.")];
        }

        return await ReadAsync(ct) is { } tables
            ? Judge(doors, tables)
            : [new CheckRecord(Name, CheckState.Skipped, "The firewall's rules can't be read by this user: sudo fluxctl doctor")];
    }

    /// <summary>One line for each door that somebody might not get through, or one for all.</summary>
    internal static IReadOnlyList<CheckRecord> Judge(IReadOnlyList<(string Frontend, Listening Door)> doors, IReadOnlyList<FirewallTable> tables)
    {
        var checks = new List<CheckRecord>();
        foreach (var (frontend, door) in doors.DistinctBy(door => (door.Door.Protocol, door.Door.Port)))
        {
            // A socket on [::] serves both families; the kernel shows that nowhere, so both are asked.
            var families = door.Address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork ? [false] : door.Address.Equals(System.Net.IPAddress.IPv6Any) ? new[] { false, true } : [true];
            foreach (var isIPv6 in families)
            {
                var visitor = new Visitor(door.Protocol, door.Port, isIPv6);
                if (tables.OrderByDescending(one => one.For(visitor)).FirstOrDefault() is { } table && table.For(visitor) is not Passage.Open and var passage)
                {
                    var found = $"{table.Name} {(passage == Passage.Blocked ? "lets nobody" : "lets not everybody")} through to {frontend} on {door.Protocol} port {door.Port}{(isIPv6 ? " over IPv6" : "")}.";
                    checks.Add(new CheckRecord(Name, passage == Passage.Blocked ? CheckState.Bad : CheckState.Warning, found, CureOf(tables, table, visitor)));
                }
            }
        }

        return checks.Count > 0 ? checks : [new CheckRecord(Name, CheckState.Good, tables.Count == 0 ? "No firewall on this machine stands in the way; every open port can be reached." : "The firewall lets visitors through to every port that fluxd listens on.")];
    }

    /// <summary>In the language of whoever manages the rules: what goes around them would be lost or undone.</summary>
    private static string CureOf(IReadOnlyList<FirewallTable> tables, FirewallTable table, Visitor visitor)
    {
        var chain = table.Entries.FirstOrDefault()?.Name ?? "input";
        return tables.Any(other => other.Chains.Keys.Any(name => name.StartsWith("ufw-", StringComparison.Ordinal))) ? $"sudo ufw allow {visitor.Port}/{visitor.Protocol}"
            : table.Name == "inet firewalld" ? $"sudo firewall-cmd --permanent --add-port={visitor.Port}/{visitor.Protocol} && sudo firewall-cmd --reload"
            : table.Name is "iptables" or "ip6tables" ? $"sudo {table.Name} -I INPUT -p {visitor.Protocol} --dport {visitor.Port} -j ACCEPT"
            : $"sudo nft insert rule {table.Name} {chain} {visitor.Protocol} dport {visitor.Port} accept   (for ever: in /etc/nftables.conf)";
    }

    private static async Task<IReadOnlyList<FirewallTable>?> ReadAsync(CancellationToken ct)
    {
        var tables = new List<FirewallTable>();
        var (nft, v4, v6) = (await OutputAsync("nft", ["--json", "list", "ruleset"], ct), await OutputAsync("iptables-save", [], ct), await OutputAsync("ip6tables-save", [], ct));
        if (nft is null && v4 is null && v6 is null)
        {
            return Environment.IsPrivilegedProcess ? [] : null;
        }

        var old = new[] { v4 is null ? null : IptablesRules.Parse(v4, false), v6 is null ? null : IptablesRules.Parse(v6, true) }.OfType<FirewallTable>().ToArray();
        try
        {
            // What iptables put into nftables it prints itself, with all its matches.
            HashSet<string> foreign = [];
            var read = nft is { Length: > 0 } ? NftRules.Parse(nft, out foreign) : [];
            tables.AddRange(read.Where(table => old.Length == 0 || !foreign.Contains(table.Name)));
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw CommandFailure.Failed("nft prints its rules in a form that this fluxctl does not know: " + e.Message);
        }

        tables.AddRange(old);
        return tables;
    }

    /// <summary>Null where the program is not there or may not look.</summary>
    private static async Task<string?> OutputAsync(string program, string[] arguments, CancellationToken ct)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };

        // sudo's path has it; a user's often not.
        start.Environment["PATH"] = $"{Environment.GetEnvironmentVariable("PATH")}:/usr/sbin:/sbin";
        start.FileName = (start.Environment["PATH"] ?? "").Split(':').Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists) ?? program;
        try
        {
            using var process = Process.Start(start)!;
            process.StandardInput.Close();
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
            limit.CancelAfter(s_patience);
            var errors = process.StandardError.ReadToEndAsync(limit.Token);
            var output = await process.StandardOutput.ReadToEndAsync(limit.Token);
            await errors;
            await process.WaitForExitAsync(limit.Token);
            return process.ExitCode == 0 ? output : null;
        }
        catch (Exception e) when (e is Win32Exception || (e is OperationCanceledException && !ct.IsCancellationRequested))
        {
            return null;
        }
    }
}
