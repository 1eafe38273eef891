using System.Diagnostics;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.RegularExpressions;
using Xunit;

namespace Fluxd.EndToEnd.House;

/// <summary>The real daemon as a child process, with a folder and sockets of its own. Killed and cleaned up on disposal.</summary>
internal sealed partial class DaemonProcess : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly TaskCompletionSource _welcomed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Socket _systemd = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
    private readonly List<string> _output = [];
    private readonly Process _process;

    private DaemonProcess(DirectoryInfo folder, string? shell, string[] arguments)
    {
        Folder = folder;
        _systemd.Bind(new UnixDomainSocketEndPoint(Path.Combine(folder.FullName, "notify")));
        // Under nohup the tests ignore SIGHUP, and a child would too: then it could not be told to reload.
        var start = new ProcessStartInfo { FileName = "env", RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add("--default-signal=HUP");
        start.ArgumentList.Add(shell is null ? Binary : "bash");
        string[] all = ["--try", Path.Combine(folder.FullName, "var"), .. Quiet("sftp", arguments), .. Quiet("quic", arguments), .. arguments];
        foreach (var argument in shell is null ? all : ["-c", $"{shell} exec \"$0\" \"$@\"", Binary, .. all])
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["NOTIFY_SOCKET"] = Path.Combine(folder.FullName, "notify");
        start.Environment.Remove("JOURNAL_STREAM");
        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, line) => Add(line.Data);
        _process.ErrorDataReceived += (_, line) => Add(line.Data);
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>A frontend that a test says nothing of stays off: its default port is another test's, or this machine's.</summary>
    private static string[] Quiet(string frontend, string[] arguments) =>
        Array.Exists(arguments, argument => argument.StartsWith(frontend + ".", StringComparison.Ordinal)) ? [] : ["--set", frontend + ".enabled=false"];

    /// <summary>Built beside the tests, because their project refers to the daemon's.</summary>
    public static string Binary { get; } = Path.Combine(AppContext.BaseDirectory, "fluxd");

    public DirectoryInfo Folder { get; }

    public int Id => _process.Id;

    /// <summary>Where fluxctl reaches it.</summary>
    public string Socket => Path.Combine(Folder.FullName, "var", "fluxd.sock");

    public string Output
    {
        get
        {
            lock (_output)
            {
                return string.Join('\n', _output);
            }
        }
    }

    public string Password => PasswordPattern().Match(Output).Groups[1].Value;

    public string Url => UrlPattern().Match(Output).Value;

    public static DaemonProcess Start(params string[] arguments) => new(Directory.CreateTempSubdirectory("fluxd-e2e-"), null, arguments);

    public static DaemonProcess StartIn(DirectoryInfo folder, params string[] arguments) => StartIn(folder, null, arguments);

    /// <param name="shell">Bash that prepares descriptors and variables, then becomes the daemon.</param>
    public static DaemonProcess StartIn(DirectoryInfo folder, string? shell, string[] arguments)
    {
        File.Delete(Path.Combine(folder.FullName, "notify"));
        return new DaemonProcess(folder, shell, arguments);
    }

    /// <param name="shell">Bash that prepares descriptors and variables, then becomes the daemon.</param>
    public static DaemonProcess StartBy(string shell, params string[] arguments) => new(Directory.CreateTempSubdirectory("fluxd-e2e-"), shell, arguments);

    public Task ReadyAsync() => _welcomed.Task.WaitAsync(Patience);

    /// <summary>/ready names no trouble, but for the disk: how full this machine's is says nothing about the daemon.</summary>
    public async Task AssertWellAsync()
    {
        using var client = new HttpClient { Timeout = Patience };
        using var answer = JsonDocument.Parse(await client.GetStringAsync(Url + "/ready"));
        var parts = answer.RootElement.GetProperty("parts").EnumerateObject().ToDictionary(part => part.Name, part => part.Value.GetString());
        Assert.Equal(parts["disk"] == "ok" ? "ready" : "degraded", answer.RootElement.GetProperty("status").GetString());
        Assert.True(parts.Remove("disk") && parts.Count > 1);
        Assert.All(parts, part => Assert.Equal("ok", part.Value));
    }

    public async Task<string> NotificationAsync()
    {
        var buffer = new byte[4096];
        using var patience = new CancellationTokenSource(Patience);
        var length = await _systemd.ReceiveAsync(buffer, patience.Token);
        return System.Text.Encoding.UTF8.GetString(buffer, 0, length);
    }

    /// <summary>Reads what the daemon tells systemd until it begins with this.</summary>
    public async Task HeardAsync(string beginning)
    {
        while (!(await NotificationAsync()).StartsWith(beginning, StringComparison.Ordinal))
        {
        }
    }

    public void Signal(string name)
    {
        using var kill = Process.Start("kill", [$"-{name}", Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    public async Task<int> ExitAsync()
    {
        await _process.WaitForExitAsync().WaitAsync(Patience);
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
        _systemd.Dispose();
        Folder.Refresh();
        if (Folder.Exists)
        {
            Folder.Delete(recursive: true); // a second start in it may have been first
        }
    }

    private void Add(string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (_output)
        {
            _output.Add(line);
        }

        // The welcome's last line: everything that was to be printed is there.
        if (line.Contains("users passwd", StringComparison.Ordinal))
        {
            _welcomed.TrySetResult();
        }
    }

    [GeneratedRegex("one-time password: ([^ ]+)")]
    private static partial Regex PasswordPattern();

    [GeneratedRegex(@"http://[^ ,]+:[0-9]+")]
    private static partial Regex UrlPattern();
}
