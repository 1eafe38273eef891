using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Xunit;

namespace Fluxd.EndToEnd.House;

public sealed partial class DaemonTests
{
    private const string AnyPort = "http.listen=127.0.0.1:0";

    private static readonly HttpClient Client = new() { Timeout = DaemonProcess.Patience };

    [Fact(Timeout = 120_000)]
    public async Task A_first_start_makes_a_user_who_can_log_in_with_what_was_printed()
    {
        await using var daemon = DaemonProcess.Start("--set", AnyPort);
        await daemon.ReadyAsync();

        Assert.Equal(HttpStatusCode.Unauthorized, await WhoAmI(daemon, "wrong"));
        Assert.Equal(HttpStatusCode.OK, await WhoAmI(daemon, daemon.Password));
        await daemon.AssertWellAsync();
        Assert.Contains("ok", await Client.GetStringAsync(daemon.Url + "/health"), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await Client.GetAsync(daemon.Url + "/metrics")).StatusCode);
    }

    [Fact(Timeout = 120_000)]
    public async Task A_forwarded_request_is_not_local_and_gets_no_metrics()
    {
        await using var daemon = DaemonProcess.Start("--set", AnyPort);
        await daemon.ReadyAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, daemon.Url + "/metrics");
        request.Headers.Add("X-Forwarded-For", "127.0.0.1");

        // Not local, so not even to be had without TLS.
        Assert.Equal(HttpStatusCode.UpgradeRequired, (await Client.SendAsync(request)).StatusCode);
    }

    [Fact(Timeout = 120_000)]
    public async Task Systemd_hears_of_the_start_of_reloads_and_of_the_stop()
    {
        await using var daemon = DaemonProcess.Start("--set", AnyPort);

        Assert.StartsWith("EXTEND_TIMEOUT_USEC=", await daemon.NotificationAsync(), StringComparison.Ordinal);
        Assert.StartsWith("STATUS=Opening", await daemon.NotificationAsync(), StringComparison.Ordinal);
        Assert.StartsWith("READY=1\nSTATUS=admin on unix:", await daemon.NotificationAsync(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await Client.GetAsync((await Listening(daemon)).Url + "/ready")).StatusCode);
        daemon.Signal("HUP");
        Assert.StartsWith("RELOADING=1\nMONOTONIC_USEC=", await daemon.NotificationAsync(), StringComparison.Ordinal);
        Assert.StartsWith("READY=1", await daemon.NotificationAsync(), StringComparison.Ordinal);
        daemon.Signal("TERM");
        Assert.StartsWith("EXTEND_TIMEOUT_USEC=", await daemon.NotificationAsync(), StringComparison.Ordinal);
        Assert.StartsWith("STOPPING=1", await daemon.NotificationAsync(), StringComparison.Ordinal);
        Assert.Equal(0, await daemon.ExitAsync());
    }

    [Fact(Timeout = 120_000)]
    public async Task A_bad_file_leaves_the_old_settings_in_force_and_says_why()
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, "[log]\nlevel = \"info\"");
        await using var daemon = DaemonProcess.Start("--config", file, "--set", AnyPort);
        await daemon.ReadyAsync();
        await daemon.NotificationAsync();
        await daemon.NotificationAsync();
        await daemon.NotificationAsync();

        await File.WriteAllTextAsync(file, "[log]\nlevel = ");
        daemon.Signal("HUP");
        await daemon.NotificationAsync();
        Assert.Contains("line 2", await daemon.NotificationAsync(), StringComparison.Ordinal);

        await File.WriteAllTextAsync(file, "[log]\nlevel = \"debug\"\nlevel = \"debug\"");
        var (exit, _, errors) = await new Fluxctl(daemon.Folder).TryAsync(null, "--socket", daemon.Socket, "reload");
        Assert.Equal(1, exit);
        Assert.Contains("already defined at line 2", Assert.Single(errors.TrimEnd('\n').Split('\n')), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await Client.GetAsync(daemon.Url + "/health")).StatusCode);
        File.Delete(file);
    }

    /// <summary>QUIC's UDP port has a test of its own, for machines that have its library.</summary>
    [Theory(Timeout = 180_000)]
    [InlineData("http.listen", "change http.listen.")]
    [InlineData("http.listen_tls", "change http.listen_tls.")]
    [InlineData("sftp.listen", "Change [sftp] listen")]
    public async Task A_port_in_use_stops_the_start_names_the_holder_and_makes_no_user(string key, string cure)
    {
        string[] arguments;
        var folder = Directory.CreateTempSubdirectory("fluxd-e2e-");
        using (var holder = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))
        {
            holder.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            holder.Listen();
            var port = ((IPEndPoint)holder.LocalEndPoint!).Port;
            arguments = [.. key == "http.listen" ? Array.Empty<string>() : ["--set", AnyPort], "--set", $"{key}=127.0.0.1:{port}"];
            var refused = DaemonProcess.StartIn(folder, arguments);

            Assert.Equal(1, await refused.ExitAsync());
            var sentence = SentenceOf(refused);
            Assert.Contains($"127.0.0.1:{port} is held by", sentence, StringComparison.Ordinal);
            Assert.Contains($"(process {Environment.ProcessId})", sentence, StringComparison.Ordinal);
            Assert.Contains(cure, sentence, StringComparison.Ordinal);
        }

        // Had the first start made the user, nobody would ever have seen the password.
        await using var daemon = DaemonProcess.StartIn(folder, [.. arguments.Select(argument => argument.StartsWith(key, StringComparison.Ordinal) ? key + "=127.0.0.1:0" : argument)]);
        await daemon.ReadyAsync();
        Assert.NotEqual("", daemon.Password);
    }

    [Fact(Timeout = 180_000)]
    public async Task A_socket_path_that_exists_stops_the_start_and_is_left_as_it_is()
    {
        await using var first = DaemonProcess.Start("--set", AnyPort);
        await first.ReadyAsync();
        var letter = Path.Combine(first.Folder.FullName, "letter.txt");
        await File.WriteAllTextAsync(letter, "dear");
        foreach (var (path, words) in new[] { (letter, "is there and is no socket"), (first.Socket, "Another process answers") })
        {
            await using var second = DaemonProcess.Start("--set", AnyPort, "--set", "admin.socket=" + path);

            Assert.Equal(1, await second.ExitAsync());
            Assert.Contains(words, SentenceOf(second), StringComparison.Ordinal);
            Assert.Equal("", second.Password);
        }

        Assert.Equal("dear", await File.ReadAllTextAsync(letter));
        Assert.Contains("running", await new Fluxctl(first.Folder).RunAsync("--socket", first.Socket, "status"), StringComparison.Ordinal);
    }

    [Fact(Timeout = 120_000)]
    public async Task A_socket_from_systemd_replaces_listen()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        var descriptor = (int)listener.Handle;
        Assert.Equal(0, SetDescriptorFlags(descriptor, 2, 0)); // lives on in the child
        await using var daemon = DaemonProcess.StartBy(
            string.Create(CultureInfo.InvariantCulture, $"exec 3<&{descriptor} {descriptor}<&-; export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=http;"),
            "--set", "http.listen=");
        await daemon.ReadyAsync();

        var answer = await Client.GetAsync($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndPoint!).Port}/health");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact(Timeout = 120_000)]
    public async Task A_second_signal_ends_the_wait_for_a_request_that_never_ends()
    {
        await using var daemon = DaemonProcess.Start("--set", AnyPort, "--set", "daemon.drain=600");
        await daemon.ReadyAsync();
        using var stuck = new TcpClient();
        await stuck.ConnectAsync(IPAddress.Loopback, new Uri(daemon.Url).Port);
        await stuck.GetStream().WriteAsync("GET /health HTTP/1.1\r\nHost: half"u8.ToArray());
        for (var i = 0; i < 3; i++)
        {
            await daemon.NotificationAsync();
        }

        daemon.Signal("TERM");
        await daemon.NotificationAsync();
        Assert.StartsWith("STOPPING=1", await daemon.NotificationAsync(), StringComparison.Ordinal);
        daemon.Signal("TERM");

        // Kestrel alone would wait 30 s for the rest of the headers.
        Assert.Equal(0, await daemon.ExitAsync().WaitAsync(TimeSpan.FromSeconds(20)));
    }

    [Fact(Timeout = 120_000)]
    public async Task Users_survive_a_kill_and_a_second_start_prints_no_password()
    {
        await using var first = DaemonProcess.Start("--set", AnyPort);
        await first.ReadyAsync();
        var password = first.Password;
        first.Signal("KILL");
        await first.ExitAsync();

        await using var second = DaemonProcess.StartIn(Directory.CreateDirectory(first.Folder.FullName), "--set", AnyPort);
        await second.ReadyAsync();

        Assert.Equal("", second.Password);
        Assert.Equal(HttpStatusCode.OK, await WhoAmI(second, password));
    }

    [Theory(Timeout = 120_000)]
    [InlineData(2, "did you mean \"sftp.listen\"?", "--check-config", "--set", "sftp.lisen=x")]
    [InlineData(2, "is no argument of fluxd", "--frobnicate")]
    [InlineData(2, "can't be read", "--check-config", "--config", "/no/such/file.toml")]
    [InlineData(2, "can't be read", "--config", "/proc")]
    [InlineData(2, "name the proxies in http.trusted_proxies", "--check-config", "--set", "http.proxy_protocol=true")]
    [InlineData(1, "fluxctl store init", "--set", "store.path=/no/such/store")]
    [InlineData(0, "is good", "--check-config")]
    [InlineData(0, "fluxd 0.", "--version")]
    public async Task Each_outcome_has_its_sentence_and_its_exit_code(int code, string sentence, params string[] arguments)
    {
        var start = new ProcessStartInfo(DaemonProcess.Binary, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var said = await process.StandardOutput.ReadToEndAsync() + await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();

        Assert.Contains(sentence, said, StringComparison.Ordinal);
        Assert.Equal(code, process.ExitCode);
    }

    [Theory(Timeout = 120_000)]
    [InlineData("[store]\npath = \"/srv", "line 2")]
    [InlineData("[log]\nlevel = \"info\"\nlevel = \"warn\"", "line 3, column 1 of", "\"level\" is already defined at line 2")]
    [InlineData("[log]\nlevel = \"info\"\n[http]\n[log]", "line 4", "\"log\" is already defined at line 1")]
    [InlineData("[log]\nlevel = \"\u00ff\"", "line 2", "not valid UTF-8")]
    [InlineData(null, "can't be read")]
    public async Task A_file_that_makes_no_sense_stops_the_start_in_one_sentence_and_makes_nothing(string? text, params string[] words)
    {
        var folder = Directory.CreateTempSubdirectory("fluxd-half-");
        var file = Path.Combine(folder.FullName, "fluxd.toml");
        if (text is null)
        {
            Directory.CreateDirectory(file);
        }
        else
        {
            await File.WriteAllTextAsync(file, text, Encoding.Latin1);
        }

        using var process = Process.Start(new ProcessStartInfo(DaemonProcess.Binary, ["--try", Path.Combine(folder.FullName, "var"), "--config", file]) { RedirectStandardError = true })!;
        var said = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();

        Assert.Equal(2, process.ExitCode);
        var sentence = Assert.Single(said.TrimEnd('\n').Split('\n'));
        Assert.All(words, word => Assert.Contains(word, sentence, StringComparison.Ordinal));
        Assert.False(Directory.Exists(Path.Combine(folder.FullName, "var")));
        folder.Delete(recursive: true);
    }

    [Fact(Timeout = 120_000)]
    public async Task Store_init_makes_an_empty_store_once()
    {
        var folder = Directory.CreateTempSubdirectory("fluxd-init-");
        var config = Path.Combine(folder.FullName, "fluxd.toml");
        await File.WriteAllTextAsync(config, $"[store]\npath = \"{folder.FullName}/data\"\n");
        var fluxctl = new Fluxctl(folder);
        await fluxctl.RunAsync("store", "init", "--config", config);
        var made = await File.ReadAllTextAsync(Path.Combine(folder.FullName, "data", "store.json"));
        var (exit, _, errors) = await fluxctl.TryAsync(null, "store", "init", "--config", config);

        Assert.Equal(1, exit);
        Assert.Contains("already", Assert.Single(errors.TrimEnd('\n').Split('\n')), StringComparison.Ordinal);
        Assert.Equal(made, await File.ReadAllTextAsync(Path.Combine(folder.FullName, "data", "store.json")));
        folder.Delete(recursive: true);
    }

    [Fact(Timeout = 120_000)]
    public async Task A_quota_below_use_is_refused_in_one_sentence_and_nothing_changes()
    {
        await using var daemon = DaemonProcess.Start("--set", AnyPort);
        await daemon.ReadyAsync();
        using var put = new HttpRequestMessage(HttpMethod.Put, daemon.Url + "/v1/files/a") { Content = new ByteArrayContent(new byte[5000]) };
        put.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes("admin:" + daemon.Password)));
        Assert.Equal(HttpStatusCode.Created, (await Client.SendAsync(put)).StatusCode);
        var fluxctl = new Fluxctl(daemon.Folder);

        var (exit, _, errors) = await fluxctl.TryAsync(null, "--socket", daemon.Socket, "users", "quota", "admin", "--bytes", "4999");
        Assert.Equal(1, exit);
        Assert.Contains("choose one that is not lower", Assert.Single(errors.TrimEnd('\n').Split('\n')), StringComparison.Ordinal);
        Assert.Contains("\"quotaBytes\": null", await fluxctl.RunAsync("--socket", daemon.Socket, "users", "show", "admin", "--json"), StringComparison.Ordinal);
        Assert.Equal(1, (await fluxctl.TryAsync(null, "--socket", daemon.Socket, "users", "quota", "admin", "--bytes", "5000", "--files", "0")).ExitCode);
        Assert.Contains("\"quotaBytes\": null", await fluxctl.RunAsync("--socket", daemon.Socket, "users", "show", "admin", "--json"), StringComparison.Ordinal);
        await fluxctl.RunAsync("--socket", daemon.Socket, "users", "quota", "admin", "--bytes", "5000");
    }

    /// <summary>What it said beside its log, and no stack.</summary>
    private static string SentenceOf(DaemonProcess daemon)
    {
        Assert.DoesNotContain("   at ", daemon.Output, StringComparison.Ordinal);
        return Assert.Single(daemon.Output.Split('\n'), line => line.StartsWith("fluxd: ", StringComparison.Ordinal));
    }

    private static async Task<HttpStatusCode> WhoAmI(DaemonProcess daemon, string password)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, daemon.Url + "/v1/whoami");
        request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes("admin:" + password)));
        using var response = await Client.SendAsync(request);
        if (response.IsSuccessStatusCode)
        {
            using var body = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
            Assert.Equal("admin", body.RootElement.GetProperty("user").GetString());
        }

        return response.StatusCode;
    }

    private static async Task<DaemonProcess> Listening(DaemonProcess daemon)
    {
        await daemon.ReadyAsync();
        return daemon;
    }

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int SetDescriptorFlags(int descriptor, int command, int flags);
}
