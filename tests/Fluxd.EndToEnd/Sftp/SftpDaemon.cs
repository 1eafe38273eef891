using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Fluxd.EndToEnd.House;
using Fluxd.EndToEnd.Http;
using Xunit;

namespace Fluxd.EndToEnd.Sftp;

/// <summary>The real daemon with the real store and SFTP and HTTP on free ports, a folder of the client's own, and its tools.</summary>
internal sealed partial class SftpDaemon : IAsyncDisposable
{
    public const int TimeoutMs = 240_000;

    private static readonly string[] s_ssh =
    [
        "-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "GlobalKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
    ];

    private readonly string[] _settings;
    private DaemonProcess _daemon;

    private SftpDaemon(string[] settings)
    {
        _settings = [.. new[] { "sftp.listen=127.0.0.1:0", "http.listen=127.0.0.1:0", "quic.enabled=false" }.Concat(settings).SelectMany(setting => new[] { "--set", setting })];
        _daemon = DaemonProcess.Start(_settings);
    }

    public DirectoryInfo Local { get; } = Directory.CreateTempSubdirectory("fluxd-client-");

    public string Password { get; private set; } = "";

    public string Port { get; private set; } = "";

    public string Http => _daemon.Url;

    public string Output => _daemon.Output;

    public int ProcessId => _daemon.Id;

    public static async Task<SftpDaemon> StartAsync(params string[] settings)
    {
        var daemon = new SftpDaemon(settings);
        await daemon.ReadyAsync();
        daemon.Password = daemon._daemon.Password;
        return daemon;
    }

    /// <summary>As a power cut of the process would: no handler of its own runs. Then a new one on the same folder.</summary>
    public async Task KillAsync()
    {
        _daemon.Signal("KILL");
        await _daemon.ExitAsync();
        _daemon = DaemonProcess.StartIn(Directory.CreateDirectory(_daemon.Folder.FullName), _settings);
        await ReadyAsync();
    }

    /// <summary>Ends the daemon without a new start: its client sees the connection break.</summary>
    public void Signal(string name) => _daemon.Signal(name);

    public string PathOf(string name) => Path.Combine(Local.FullName, name);

    public byte[] Make(string name, int length)
    {
        var bytes = RandomNumberGenerator.GetBytes(length);
        Directory.CreateDirectory(Path.GetDirectoryName(PathOf(name))!);
        File.WriteAllBytes(PathOf(name), bytes);
        return bytes;
    }

    public byte[] Read(string name) => File.ReadAllBytes(PathOf(name));

    public Task<string> SftpAsync(params string[] commands) => SftpAsAsync("admin", commands);

    public async Task<string> SftpAsAsync(string user, params string[] commands)
    {
        var answer = await TrySftpAsync(user, [], commands);
        Assert.True(answer.ExitCode == 0, $"sftp ended with {answer.ExitCode}: {answer.Errors}\n{answer.Output}");
        return answer.Output;
    }

    public async Task<(int ExitCode, string Output, string Errors)> TrySftpAsync(string user, string[] options, params string[] commands)
    {
        var batch = PathOf($"batch-{Guid.NewGuid():N}");
        await File.WriteAllLinesAsync(batch, commands);
        return await TryAsync("sshpass", SftpArguments(user, batch, options));
    }

    public string[] SftpArguments(string user, string batch, params string[] options) =>
        ["-p", Password, "sftp", .. s_ssh, "-o", "BatchMode=no", "-P", Port, .. options, "-b", batch, $"{user}@127.0.0.1"];

    public string[] WithoutPassword(string user, string batch, string key) =>
        [.. s_ssh, "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i", key, "-P", Port, "-b", batch, $"{user}@127.0.0.1"];

    public Task<string> ScpAsync(params string[] arguments) => RunAsync("sshpass", ["-p", Password, "scp", .. s_ssh, "-P", Port, .. arguments]);

    public static string Remote(string path) => "admin@127.0.0.1:" + path;

    public async Task<string> FluxctlAsync(string input, params string[] arguments) =>
        await RunAsync("bash", ["-c", "printf %s \"$1\" | FLUXCTL_SOCKET=\"$2\" dotnet \"$3\" \"${@:4}\"", "fluxctl", input, Socket, Path.Combine(AppContext.BaseDirectory, "fluxctl.dll"), .. arguments]);

    public async Task<string> RunAsync(string program, params string[] arguments)
    {
        var (code, output, errors) = await TryAsync(program, arguments);
        Assert.True(code == 0, $"{program} ended with {code}: {errors}\n{output}\nThe daemon said: {Output}");
        return output;
    }

    /// <summary>With a home of its own and nothing on standard input: a client that asks gets an end, not a wait.</summary>
    public async Task<(int ExitCode, string Output, string Errors)> TryAsync(string program, params string[] arguments)
    {
        using var process = Start(program, arguments);
        try
        {
            return await Tool.EndOfAsync(process, program, TimeSpan.FromSeconds(100));
        }
        catch (TimeoutException late)
        {
            throw new TimeoutException($"{late.Message}\nThe daemon said: {Output}", late);
        }
    }

    public Process Start(string program, params string[] arguments)
    {
        var info = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Local.FullName,
        };
        info.Environment["HOME"] = Local.FullName;
        info.Environment.Remove("SSH_AUTH_SOCK");
        var process = Process.Start(info)!;
        process.StandardInput.Close();
        return process;
    }

    public async ValueTask DisposeAsync()
    {
        await _daemon.DisposeAsync();
        Local.Delete(recursive: true);
    }

    private string Socket => SocketPattern().Match(Output).Groups[1].Value;

    private async Task ReadyAsync()
    {
        await _daemon.ReadyAsync();
        Port = PortPattern().Match(_daemon.Output).Groups[1].Value;
    }

    [GeneratedRegex("sftp -P ([0-9]+) ")]
    private static partial Regex PortPattern();

    [GeneratedRegex("--socket ([^ ]+) status")]
    private static partial Regex SocketPattern();
}
