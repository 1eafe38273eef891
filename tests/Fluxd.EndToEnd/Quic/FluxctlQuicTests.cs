using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Fluxd.Core.Admin;
using Fluxd.EndToEnd.House;
using Fluxd.Testing.Quic;
using Xunit;

namespace Fluxd.EndToEnd.Quic;

/// <summary>fluxctl over fluxd/1 against the real daemon and its store.</summary>
public sealed class FluxctlQuicTests
{
    [QuicFact(Timeout = 180_000)]
    public async Task Thirty_megabytes_go_up_and_come_back_by_quic_alone()
    {
        await using var served = await ServedDaemon.StartAsync();
        await LoginAsync(served);
        var bytes = await served.MakeFileAsync("film.bin", 30_000_001);

        await served.Ctl.RunAsync("put", served.Local("film.bin"), "--to", "/films/", "--quic");
        await served.Ctl.RunAsync("get", "/films/film.bin", served.Local("back.bin"), "--quic");

        Assert.Equal(SHA256.HashData(bytes), SHA256.HashData(await File.ReadAllBytesAsync(served.Local("back.bin"))));
        Assert.Contains("film.bin", await served.Ctl.RunAsync("ls", "/films", "--quic"), StringComparison.Ordinal);
    }

    [QuicFact(Timeout = 180_000)]
    public async Task The_doctor_sees_the_pinned_certificate_and_that_HTTP_3_can_be_reached()
    {
        await using var served = await ServedDaemon.StartAsync();
        await served.Ctl.LoginAsync(served.Url, served.Daemon.Password);

        var (exit, output, errors) = await served.Ctl.TryAsync(null, "doctor", "--url", served.Url, "--json");
        var checks = JsonSerializer.Deserialize(output, Fluxd.Core.Admin.AdminJson.Default.IReadOnlyListCheckRecord)!;

        Assert.True(exit == 0, output + errors);
        Assert.All(checks, check => Assert.True(check.State == Fluxd.Core.Admin.CheckState.Good, check.ToString()));
        Assert.Contains("pinned", checks.Single(check => check.Name == "proxy.tls").Found, StringComparison.Ordinal);
        Assert.Contains("UDP port", checks.Single(check => check.Name == "proxy.http3").Found, StringComparison.Ordinal);
        Assert.Contains("HTTP/2", checks.Single(check => check.Name == "proxy.http").Found, StringComparison.Ordinal);
    }

    [Fact(Timeout = 120_000)]
    public async Task A_UDP_port_where_nobody_speaks_QUIC_is_no_HTTP_3()
    {
        using var silent = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));

        Assert.False(await Fluxd.Transports.Client.ProxyDoctor.SpeaksQuicAsync("127.0.0.1", ((IPEndPoint)silent.Client.LocalEndPoint!).Port, CancellationToken.None));
    }

    [QuicFact(Timeout = 180_000)]
    public async Task A_tree_is_mirrored_and_changed_by_quic()
    {
        await using var served = await ServedDaemon.StartAsync();
        await LoginAsync(served);
        var deep = await served.MakeFileAsync("tree/a/b/deep.bin", 1_500_000);
        var top = await served.MakeFileAsync("tree/top.txt", 12);
        await served.MakeFileAsync("tree/empty", 0);

        await served.Ctl.RunAsync("sync", served.Local("tree"), "server:/copy", "--quic");
        await served.Ctl.RunAsync("mkdir", "/copy/a", "--quic"); // there already: fine
        await served.Ctl.RunAsync("mv", "/copy/top.txt", "/copy/a/moved.txt", "--quic");
        await served.Ctl.RunAsync("rm", "/copy/empty", "--quic");
        await served.Ctl.RunAsync("sync", "server:/copy", served.Local("down"), "--quic");

        Assert.Equal(deep, await File.ReadAllBytesAsync(served.Local("down/a/b/deep.bin")));
        Assert.Equal(top, await File.ReadAllBytesAsync(served.Local("down/a/moved.txt")));
        Assert.False(File.Exists(served.Local("down/empty")));
        await served.Ctl.RunAsync("rm", "-r", "/copy", "--quic");
        Assert.Equal("", await served.Ctl.RunAsync("ls", "--quic"));
    }

    [QuicFact(Timeout = 180_000)]
    public async Task A_put_resumes_after_the_client_was_killed()
    {
        await using var served = await ServedDaemon.StartAsync();
        await LoginAsync(served);
        var bytes = await served.MakeFileAsync("film.bin", 100_000_000);

        await PutAndKillAsync(served);

        var sent = (await served.Ctl.RunAsync("put", served.Local("film.bin"), "--quic", "--json")).Trim().Split('\n')[^1];
        Assert.True(JsonDocument.Parse(sent).RootElement.GetProperty("resumed").GetBoolean());
        Assert.InRange(Number(sent, "sent", "moved"), 1, bytes.Length - (12 << 20));
        await served.Ctl.RunAsync("get", "/film.bin", served.Local("back.bin"), "--quic");
        Assert.Equal(SHA256.HashData(bytes), SHA256.HashData(await File.ReadAllBytesAsync(served.Local("back.bin"))));
    }

    [QuicFact(Timeout = 180_000)]
    public async Task An_upload_begun_by_quic_is_finished_over_https()
    {
        await using var served = await ServedDaemon.StartAsync();
        await LoginAsync(served);
        var bytes = await served.MakeFileAsync("film.bin", 100_000_000);
        await PutAndKillAsync(served);

        await ChangeProfileAsync(served, profile => profile.Remove("quic"));
        var sent = (await served.Ctl.RunAsync("put", served.Local("film.bin"), "--json")).Trim().Split('\n')[^1];
        Assert.True(JsonDocument.Parse(sent).RootElement.GetProperty("resumed").GetBoolean());
        await served.Ctl.RunAsync("get", "/film.bin", served.Local("back.bin"), "--quic");
        Assert.Equal(SHA256.HashData(bytes), SHA256.HashData(await File.ReadAllBytesAsync(served.Local("back.bin"))));
    }

    [QuicFact(Timeout = 180_000)]
    public async Task Where_udp_is_blocked_https_takes_over_unless_quic_was_asked_for()
    {
        await using var served = await ServedDaemon.StartAsync();
        await LoginAsync(served);
        var bytes = await served.MakeFileAsync("a.bin", 3_000_000);
        await served.Ctl.RunAsync("put", served.Local("a.bin"));

        // A port that swallows everything, as a firewall does.
        using var silent = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        silent.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        await ChangeProfileAsync(served, profile =>
        {
            Assert.Equal($"127.0.0.1:{served.Port}", (string?)profile["quic"]);
            profile["quic"] = silent.LocalEndPoint!.ToString();
        });

        var (exit, _, errors) = await served.Ctl.TryAsync(null, "get", "/a.bin", served.Local("back.bin"));
        Assert.Equal(0, exit);
        Assert.Contains("Going over HTTPS", errors, StringComparison.Ordinal);
        Assert.Equal(bytes, await File.ReadAllBytesAsync(served.Local("back.bin")));

        // Known for this network from then on: nothing is sent there again, except when QUIC is asked for.
        Drain(silent);
        Assert.Contains("UDP was blocked on this network", (await served.Ctl.TryAsync(null, "ls")).Errors, StringComparison.Ordinal);
        Assert.Equal(0, silent.Available);
        Assert.Equal(3, (await served.Ctl.TryAsync(null, "ls", "--quic")).ExitCode);
        Assert.NotEqual(0, silent.Available);
    }

    private static void Drain(Socket socket)
    {
        while (socket.Available > 0)
        {
            socket.Receive(new byte[65536]);
        }
    }

    [QuicFact(Timeout = 180_000)]
    public async Task A_certificate_is_pinned_and_nothing_is_said_to_another()
    {
        await using var served = await ServedDaemon.StartAsync();
        var url = $"quic://127.0.0.1:{served.Port}";
        var (exit, _, errors) = await served.Ctl.TryAsync(served.Daemon.Password, "login", url, "--user", "admin", "--password-stdin");
        Assert.Equal(3, exit);
        Assert.Contains("--pin", errors, StringComparison.Ordinal);
        var (wrong, _, _) = await served.Ctl.TryAsync(served.Daemon.Password, "login", url, "--user", "admin", "--password-stdin", "--pin", new string('0', 64));
        Assert.Equal(3, wrong);
        var (refused, _, words) = await served.Ctl.TryAsync("wrong", "login", url, "--user", "admin", "--password-stdin", "--accept-new");
        Assert.Equal(1, refused);
        Assert.Contains("do not fit", words, StringComparison.Ordinal);

        await LoginAsync(served);
        var profile = JsonNode.Parse(await File.ReadAllTextAsync(served.Local("fluxctl/profiles.json")))!["profiles"]!["default"]!;
        Assert.Equal(64, ((string)profile["pin"]!).Length);
        Assert.NotEqual(served.Daemon.Password, (string?)profile["token"]);
    }

    [QuicFact(Timeout = 180_000)]
    public async Task The_kept_token_dies_with_the_password_that_asked_for_it()
    {
        await using var served = await ServedDaemon.StartAsync();
        await LoginAsync(served);
        await served.Ctl.RunAsync("ls", "--quic");
        var socket = System.Text.RegularExpressions.Regex.Match(served.Daemon.Output, "--socket ([^ ]+)").Groups[1].Value;

        var (changed, _, why) = await served.Ctl.TryAsync("a better password 77", "--socket", socket, "users", "passwd", "admin", "--password-stdin");
        Assert.True(changed == 0, why);

        var (exit, _, errors) = await served.Ctl.TryAsync(null, "ls", "--quic");
        Assert.Equal(3, exit);
        Assert.Contains("do not fit", errors, StringComparison.Ordinal);
        Assert.Equal(3, (await served.Ctl.TryAsync(null, "ls")).ExitCode); // and HTTPS is not tried with it
    }

    [QuicFact(Timeout = 180_000)]
    public async Task Logins_and_sessions_by_quic_leave_their_lines_in_log_and_audit()
    {
        await using var served = await ServedDaemon.StartAsync();
        await LoginAsync(served); // by password; what follows uses the token that it kept
        await served.Ctl.RunAsync("ls", "--quic");
        var (exit, _, _) = await served.Ctl.TryAsync("a wrong guess", "login", $"quic://127.0.0.1:{served.Port}", "--user", "admin", "--password-stdin", "--accept-new");
        Assert.NotEqual(0, exit);

        foreach (var method in new[] { "password", "token" })
        {
            await UntilAsync(() => served.Daemon.Output.Contains($"QUIC login of admin from 127.0.0.1 (fluxctl) by {method}", StringComparison.Ordinal));
        }

        await UntilAsync(() => served.Daemon.Output.Split('\n').Count(line =>
            line.Contains("QUIC session of admin from 127.0.0.1 ended after ", StringComparison.Ordinal) && line.Contains(": client closed", StringComparison.Ordinal)) == 2);
        await UntilAsync(async () => await LoginsAsync(served) is ["login.refused wrong password", "login.success token of an earlier login", "login.success password"]);
    }

    /// <summary>Newest first, those over QUIC.</summary>
    private static async Task<string[]> LoginsAsync(ServedDaemon served)
    {
        var page = JsonSerializer.Deserialize(
            await served.Ctl.RunAsync("--socket", served.Daemon.Socket, "audit", "--kind", "login", "--json"), AdminJson.Default.AuditPageRecord)!;
        return [.. page.Entries.Where(entry => entry is { Frontend: "quic", Actor: "admin", Peer: "127.0.0.1" }).Select(entry => $"{entry.Kind} {entry.Detail}")];
    }

    private static Task UntilAsync(Func<bool> holds) => UntilAsync(() => Task.FromResult(holds()));

    private static async Task UntilAsync(Func<Task<bool>> holds)
    {
        while (!await holds())
        {
            await Task.Delay(100);
        }
    }

    [QuicFact(Timeout = 180_000)]
    public async Task Why_says_of_transfers_by_quic_what_became_durable_and_who_closed()
    {
        await using var served = await ServedDaemon.StartAsync();
        await LoginAsync(served);
        await served.MakeFileAsync("a.bin", 1_900_000); // one piece for the way back
        await served.Ctl.RunAsync("put", served.Local("a.bin"), "--quic");
        await served.Ctl.RunAsync("get", "/a.bin", served.Local("back.bin"), "--quic");

        var transfers = await WhyAsync(served);
        var upload = Assert.Single(transfers, transfer => transfer.Kind == "upload");
        Assert.Equal(("quic", "admin", "done", 1_900_000L), (upload.Frontend, upload.User, upload.Outcome, upload.BytesDurable));
        Assert.Contains("disk: ", await served.Ctl.RunAsync("--socket", served.Daemon.Socket, "why", upload.Id), StringComparison.Ordinal);
        var download = Assert.Single(transfers, transfer => transfer.Kind == "download");
        Assert.Equal(("quic", "done", 1_900_000L), (download.Frontend, download.Outcome, download.BytesAccepted));

        await served.MakeFileAsync("film.bin", 100_000_000);
        await PutAndKillAsync(served);
        while (!(await WhyAsync(served)).Any(transfer => transfer is { Kind: "upload", Outcome: "client closed", BytesDurable: > 0 }))
        {
            await Task.Delay(100); // a killed client's connection ends when it has been silent for long
        }
    }

    [QuicFact(Timeout = 180_000)]
    public async Task A_UDP_port_in_use_stops_the_start_and_names_port_and_holder()
    {
        using var holder = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        holder.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        await using var daemon = DaemonProcess.Start("--set", "http.listen=127.0.0.1:0", "--set", $"quic.listen={holder.LocalEndPoint}");

        Assert.Equal(1, await daemon.ExitAsync());
        Assert.Contains($"{holder.LocalEndPoint} is held by", daemon.Output, StringComparison.Ordinal);
        Assert.Contains($"(process {Environment.ProcessId})", daemon.Output, StringComparison.Ordinal);
    }

    private static async Task<IReadOnlyList<TransferRecord>> WhyAsync(ServedDaemon served) =>
        JsonSerializer.Deserialize(await served.Ctl.RunAsync("--socket", served.Daemon.Socket, "why", "--json"), AdminJson.Default.IReadOnlyListTransferRecord)!;

    private static async Task LoginAsync(ServedDaemon served) =>
        Assert.Contains("Signed in as admin", await served.Ctl.LoginAsync($"quic://127.0.0.1:{served.Port}", served.Daemon.Password), StringComparison.Ordinal);

    private static async Task PutAndKillAsync(ServedDaemon served)
    {
        using var first = served.Ctl.Start("put", served.Local("film.bin"), "--quic", "--json");

        // Three windows of 16 MiB being under way says that the first one is durable.
        while (await first.StandardOutput.ReadLineAsync() is { } line && Number(line, "progress", "bytes") < 40_000_000)
        {
        }

        first.Kill();
        await first.WaitForExitAsync();
        Assert.NotEqual(0, first.ExitCode);
    }

    private static async Task ChangeProfileAsync(ServedDaemon served, Action<JsonObject> change)
    {
        var path = served.Local("fluxctl/profiles.json");
        var file = JsonNode.Parse(await File.ReadAllTextAsync(path))!;
        change(file["profiles"]!["default"]!.AsObject());
        await File.WriteAllTextAsync(path, file.ToJsonString());
    }

    /// <summary>−1 for a line about something else.</summary>
    private static long Number(string line, string about, string field)
    {
        var json = JsonDocument.Parse(line).RootElement;
        return json.GetProperty("event").GetString() == about && json.TryGetProperty(field, out var value) ? value.GetInt64() : -1;
    }
}
