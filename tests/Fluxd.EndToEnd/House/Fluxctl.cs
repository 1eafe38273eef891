using System.Diagnostics;
using Fluxd.EndToEnd.Http;

namespace Fluxd.EndToEnd.House;

/// <summary>The real fluxctl, with profiles and notes of its own.</summary>
internal sealed class Fluxctl(DirectoryInfo folder)
{
    private static readonly string Binary = Path.Combine(AppContext.BaseDirectory, "fluxctl");

    /// <summary>Runs it to its end; fails the test unless it ends well.</summary>
    public async Task<string> RunAsync(params string[] arguments)
    {
        var (exit, output, errors) = await TryAsync(null, arguments);
        return exit == 0 ? output : throw new InvalidOperationException($"fluxctl {string.Join(' ', arguments)} ended with {exit}: {errors}{output}");
    }

    public async Task<string> LoginAsync(string url, string password)
    {
        var (exit, output, errors) = await TryAsync(password, "login", url, "--user", "admin", "--password-stdin", "--accept-new");
        return exit == 0 ? output : throw new InvalidOperationException($"fluxctl login {url} ended with {exit}: {errors}");
    }

    public async Task<(int ExitCode, string Output, string Errors)> TryAsync(string? input, params string[] arguments)
    {
        using var process = Start(arguments);
        if (input is not null)
        {
            await process.StandardInput.WriteLineAsync(input);
        }

        process.StandardInput.Close();
        return await Tool.EndOfAsync(process, "fluxctl " + string.Join(' ', arguments), DaemonProcess.Patience);
    }

    public Process Start(params string[] arguments)
    {
        var start = new ProcessStartInfo(Binary, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["FLUXCTL_CONFIG"] = Path.Combine(folder.FullName, "fluxctl");
        return Process.Start(start) ?? throw new InvalidOperationException("fluxctl did not start.");
    }
}

/// <summary>A daemon that serves HTTPS and QUIC on the same port number, and a fluxctl for it.</summary>
internal sealed class ServedDaemon : IAsyncDisposable
{
    private ServedDaemon(DaemonProcess daemon, int port) =>
        (Daemon, Port, Ctl) = (daemon, port, new Fluxctl(daemon.Folder));

    public DaemonProcess Daemon { get; }

    public int Port { get; }

    public Fluxctl Ctl { get; }

    public string Url => $"https://127.0.0.1:{Port}";

    public static Task<ServedDaemon> StartAsync(bool quic = true) => StartInAsync(Directory.CreateTempSubdirectory("fluxd-e2e-"), Tool.FreePort(), quic);

    /// <summary>The same daemon again, after its end: same data, same port.</summary>
    public static async Task<ServedDaemon> StartInAsync(DirectoryInfo folder, int port, bool quic = true)
    {
        var daemon = DaemonProcess.StartIn(
            folder, "--set", "http.listen=127.0.0.1:0", "--set", $"http.listen_tls=127.0.0.1:{port}", "--set", "sftp.enabled=false",
            "--set", $"quic.enabled={(quic ? "true" : "false")}", "--set", $"quic.listen=127.0.0.1:{port}");
        try
        {
            await daemon.ReadyAsync();
        }
        catch (TimeoutException e)
        {
            var said = daemon.Output;
            await daemon.DisposeAsync();
            throw new TimeoutException("The daemon did not come up: " + said, e);
        }

        return new ServedDaemon(daemon, port);
    }

    public string Local(string name) => Path.Combine(Daemon.Folder.FullName, name);

    /// <summary>A file of random bytes: nothing of it is in the store.</summary>
    public async Task<byte[]> MakeFileAsync(string name, int size)
    {
        var bytes = System.Security.Cryptography.RandomNumberGenerator.GetBytes(size);
        Directory.CreateDirectory(Path.GetDirectoryName(Local(name))!);
        await File.WriteAllBytesAsync(Local(name), bytes);
        return bytes;
    }

    public ValueTask DisposeAsync() => Daemon.DisposeAsync();
}
