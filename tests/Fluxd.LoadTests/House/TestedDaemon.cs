using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Fluxd.LoadTests.House;

/// <summary>Where things are. <paramref name="Builds"/>: folders with fluxd; an upgrade starts the next one.</summary>
internal sealed record Places(string Work, IReadOnlyList<string> Builds, string Fluxctl);

/// <summary>
/// The real daemon under a supervisor that keeps the listening sockets of HTTP and SFTP open, as systemd does, and can
/// treat it badly. One life at a time; lives are counted.
/// </summary>
internal sealed partial class TestedDaemon : IAsyncDisposable
{
    private const string FakeClock = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly Places _places;
    private readonly bool _movesClock;
    private readonly List<string> _settings;
    private readonly Socket _http = Listen();
    private readonly Socket _sftp = Listen();
    private readonly List<string> _output = [];
    private Process? _process;
    private int _build;

    /// <param name="movesClock">Its clock can be moved, where faketime is there.</param>
    /// <param name="settings">KEY=VALUE, beside those that the run needs.</param>
    public TestedDaemon(Places places, bool movesClock, params string[] settings)
    {
        (_places, _movesClock, _settings) = (places, movesClock && CanMoveClock, [.. settings]);
        File.WriteAllText(ClockFile, "+0");
    }

    /// <summary>HTTPS and QUIC.</summary>
    public int TlsPort { get; } = FreePort();

    public IPEndPoint Http => (IPEndPoint)_http.LocalEndPoint!;

    public IPEndPoint Sftp => (IPEndPoint)_sftp.LocalEndPoint!;

    public int Lives { get; private set; }

    /// <summary>As it names itself.</summary>
    public string Version { get; private set; } = "";

    public int Id => _process!.Id;

    public string Password { get; private set; } = "";

    /// <summary>The first line of its log, if any, that tells of an error for which it has no words.</summary>
    public string? Unforeseen { get; private set; }

    public string AdminSocket => Path.Combine(_places.Work, "disk", "var", "fluxd.sock");

    public string Store => Path.Combine(_places.Work, "disk", "var", "store");

    public string Fluxctl => Path.Combine(_places.Fluxctl, "fluxctl");

    public static bool CanMoveClock => File.Exists(FakeClock);

    private string ClockFile => Path.Combine(_places.Work, "clock");

    private string LogFile => Path.Combine(_places.Work, "daemon.log");

    public async Task StartAsync()
    {
        Lives++;
        var start = new ProcessStartInfo("env") { RedirectStandardOutput = true, RedirectStandardError = true };
        var (http, sftp) = ((int)_http.Handle, (int)_sftp.Handle);
        var shell = string.Create(CultureInfo.InvariantCulture, $"exec 3<&{http} 4<&{sftp} {http}<&- {sftp}<&-; export LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=http:sftp; exec \"$0\" \"$@\"");
        var tls = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{TlsPort}");
        foreach (var argument in (string[])
        [
            "--default-signal=HUP", "bash", "-c", shell, Path.Combine(_places.Builds[_build], "fluxd"), "--try", Path.Combine(_places.Work, "disk", "var"),
            "--set", "http.listen=", "--set", $"http.listen_tls={tls}", "--set", $"quic.listen={tls}", .. _settings.SelectMany(setting => new[] { "--set", setting }),
        ])
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment.Remove("JOURNAL_STREAM");
        if (_movesClock)
        {
            start.Environment["LD_PRELOAD"] = FakeClock;
            start.Environment["FAKETIME_TIMESTAMP_FILE"] = ClockFile;
            start.Environment["FAKETIME_CACHE_DURATION"] = "1";
            start.Environment["FAKETIME_DONT_FAKE_MONOTONIC"] = "1";
        }

        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, line) => Hear(line.Data);
        _process.ErrorDataReceived += (_, line) => Hear(line.Data);
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        await ReadyAsync();
    }

    /// <summary>Ends it and starts it again, from the next build where <paramref name="upgrade"/> is set.</summary>
    public async Task RestartAsync(string signal, bool upgrade = false)
    {
        await SignalAsync(signal);
        await _process!.WaitForExitAsync().WaitAsync(Patience);
        if (signal != "KILL" && _process.ExitCode != 0)
        {
            throw new InvalidOperationException($"fluxd ended with {_process.ExitCode} when it was asked to stop; {Said}");
        }

        _process.Dispose();
        _build = upgrade ? (_build + 1) % _places.Builds.Count : _build;
        await StartAsync();
    }

    public async Task SignalAsync(string name) =>
        await Tool.RunAsync(Patience, null, null, "kill", "-" + name, Id.ToString(CultureInfo.InvariantCulture));

    /// <summary>KEY=VALUE, from the next start on; the last one of a key counts.</summary>
    public void Set(params ReadOnlySpan<string> settings) => _settings.AddRange(settings);

    public Task MoveClockAsync(int hours) => File.WriteAllTextAsync(ClockFile, string.Create(CultureInfo.InvariantCulture, $"{hours:+0;-0}h"));

    public Task<(int Code, string Output)> FluxctlAsync(params string[] arguments) => Tool.RunAsync(
        TimeSpan.FromMinutes(5), new Dictionary<string, string> { ["FLUXCTL_SOCKET"] = AdminSocket }, null, Fluxctl, arguments);

    /// <summary>Without the packs: those that were read stay open, up to a bound of their own.</summary>
    public int OpenFiles => Directory.GetFileSystemEntries($"/proc/{Id}/fd").Count(file => !IsPack(file));

    public long ResidentBytes => Memory("VmRSS:");

    /// <summary>The most that it had since <see cref="ForgetPeakAsync"/>, or ever where that is not allowed.</summary>
    public long ResidentPeak => Memory("VmHWM:");

    private static bool IsPack(string descriptor)
    {
        try
        {
            return File.ResolveLinkTarget(descriptor, returnFinalTarget: false)?.FullName.Contains("/packs/", StringComparison.Ordinal) == true;
        }
        catch (IOException)
        {
            return true; // closed meanwhile: it counts no more than a pack
        }
    }

    /// <summary>The kernel's word for "the peak is what it is now".</summary>
    public Task ForgetPeakAsync() => File.WriteAllTextAsync($"/proc/{Id}/clear_refs", "5");

    public string Said
    {
        get
        {
            lock (_output)
            {
                return "it said last: " + string.Join('\n', _output.TakeLast(12));
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false })
        {
            await SignalAsync("KILL");
            await _process.WaitForExitAsync();
        }

        _process?.Dispose();
        _http.Dispose();
        _sftp.Dispose();
    }

    private long Memory(string name) => File.ReadLines($"/proc/{Id}/status").Where(line => line.StartsWith(name, StringComparison.Ordinal))
        .Select(line => long.Parse(line[name.Length..^2], NumberStyles.Integer, CultureInfo.InvariantCulture) << 10).FirstOrDefault();

    private static Socket Listen()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen(1024);
        return SetDescriptorFlags((int)socket.Handle, 2, 0) == 0 ? socket : throw new InvalidOperationException("the descriptor can't be handed on");
    }

    /// <summary>Below the range that the system hands out: nobody gets it by chance between two lives.</summary>
    private static int FreePort()
    {
        for (var port = 21000 + (Environment.ProcessId % 9000); ; port++)
        {
            try
            {
                using var tcp = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                using var udp = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
                tcp.Bind(new IPEndPoint(IPAddress.Loopback, port));
                udp.Bind(new IPEndPoint(IPAddress.Loopback, port));
                return port;
            }
            catch (SocketException)
            {
                // Somebody else's.
            }
        }
    }

    private async Task ReadyAsync()
    {
        using var patience = new CancellationTokenSource(Patience);
        (int Code, string Output) status;
        while ((status = await FluxctlAsync("status", "--json")).Code != 0)
        {
            if (_process!.HasExited)
            {
                throw new InvalidOperationException($"fluxd ended with {_process.ExitCode} at its start no. {Lives}; {Said}");
            }

            await Task.Delay(100, patience.Token);
        }

        using var json = JsonDocument.Parse(status.Output);
        Version = json.RootElement.GetProperty("version").GetString()!;
    }

    private void Hear(string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (_output)
        {
            _output.Add(line);
            File.AppendAllText(LogFile, line + "\n");
            Unforeseen ??= line.Contains("nobody foresaw", StringComparison.Ordinal) ? line : null;
            if (PasswordPattern().Match(line) is { Success: true } match)
            {
                Password = match.Groups[1].Value;
            }

            if (_output.Count > 200)
            {
                _output.RemoveRange(0, 100);
            }
        }
    }

    [GeneratedRegex("one-time password: ([^ ]+)")]
    private static partial Regex PasswordPattern();

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int SetDescriptorFlags(int descriptor, int command, int flags);
}
