using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace Fluxd.LoadTests.Chaos;

/// <summary>Where things are. <paramref name="Builds"/>: folders with fluxd; an upgrade starts the next one.</summary>
internal sealed record ChaosPlaces(string Work, IReadOnlyList<string> Builds, string Fluxctl);

/// <summary>
/// The real daemon under a supervisor that keeps the listening sockets of HTTP and SFTP open, as systemd does, and can
/// treat it badly. One life at a time; lives are counted.
/// </summary>
internal sealed partial class ChaosDaemon : IAsyncDisposable
{
    private const string FakeClock = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly ChaosPlaces _places;
    private readonly Socket _http = Listen();
    private readonly Socket _sftp = Listen();
    private readonly List<string> _output = [];
    private Process? _process;
    private int _build;

    public ChaosDaemon(ChaosPlaces places, int tlsPort)
    {
        (_places, TlsPort) = (places, tlsPort);
        File.WriteAllText(ClockFile, "+0");
    }

    public int TlsPort { get; }

    public IPEndPoint Http => (IPEndPoint)_http.LocalEndPoint!;

    public IPEndPoint Sftp => (IPEndPoint)_sftp.LocalEndPoint!;

    public int Lives { get; private set; }

    public int Id => _process!.Id;

    public string Password { get; private set; } = "";

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
        foreach (var argument in new[]
        {
            "--default-signal=HUP", "bash", "-c", shell, Path.Combine(_places.Builds[_build], "fluxd"), "--try", Path.Combine(_places.Work, "disk", "var"),
            "--set", "http.listen=", "--set", $"http.listen_tls={tls}", "--set", $"quic.listen={tls}", "--set", "store.keep_free=4M", "--set", "daemon.drain=5",
        })
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment.Remove("JOURNAL_STREAM");
        if (CanMoveClock)
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

    public Task MoveClockAsync(int hours) => File.WriteAllTextAsync(ClockFile, string.Create(CultureInfo.InvariantCulture, $"{hours:+0;-0}h"));

    public Task<(int Code, string Output)> FluxctlAsync(params string[] arguments) => Tool.RunAsync(
        TimeSpan.FromMinutes(5), new Dictionary<string, string> { ["FLUXCTL_SOCKET"] = AdminSocket }, null, Fluxctl, arguments);

    public int OpenFiles => Directory.GetFileSystemEntries($"/proc/{Id}/fd").Length;

    public long ResidentBytes => File.ReadLines($"/proc/{Id}/status").Where(line => line.StartsWith("VmRSS:", StringComparison.Ordinal))
        .Select(line => long.Parse(line[6..^2], NumberStyles.Integer, CultureInfo.InvariantCulture) << 10).FirstOrDefault();

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

    private static Socket Listen()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen(1024);
        return SetDescriptorFlags((int)socket.Handle, 2, 0) == 0 ? socket : throw new InvalidOperationException("the descriptor can't be handed on");
    }

    private async Task ReadyAsync()
    {
        using var patience = new CancellationTokenSource(Patience);
        while ((await FluxctlAsync("status", "--json")) is not (0, _))
        {
            if (_process!.HasExited)
            {
                throw new InvalidOperationException($"fluxd ended with {_process.ExitCode} at its start no. {Lives}; {Said}");
            }

            await Task.Delay(100, patience.Token);
        }
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
