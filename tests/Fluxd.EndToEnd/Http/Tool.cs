using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Fluxd.EndToEnd.Http;

/// <summary>Runs a real program with a deadline.</summary>
internal static class Tool
{
    public static async Task<(int ExitCode, string Output, string Errors)> RunAsync(string program, params string[] arguments)
    {
        using var process = Start(program, arguments);
        return await EndOfAsync(process, program, TimeSpan.FromSeconds(90));
    }

    /// <summary>Its code and all that it said. Killed, with its children, when it takes longer than that.</summary>
    public static async Task<(int ExitCode, string Output, string Errors)> EndOfAsync(Process process, string program, TimeSpan patience)
    {
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        using var deadline = new CancellationTokenSource(patience);
        try
        {
            await process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{program} did not end. It said: {await errors}\n{await output}");
        }

        return (process.ExitCode, await output, await errors);
    }

    public static Process Start(string program, params string[] arguments)
    {
        var info = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in arguments)
        {
            info.ArgumentList.Add(argument);
        }

        return Process.Start(info) ?? throw new InvalidOperationException($"{program} did not start.");
    }

    /// <summary>A port below the ephemeral range that nobody listens on now.</summary>
    public static int FreePort()
    {
        while (true)
        {
            var port = Random.Shared.Next(20_000, 32_000);
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // Taken: another one.
            }
        }
    }

    public static async Task WaitForPortAsync(int port, Process process)
    {
        for (var tries = 0; tries < 400; tries++)
        {
            if (process.HasExited)
            {
                throw new InvalidOperationException("The proxy ended at once: " + await process.StandardError.ReadToEndAsync());
            }

            using var client = new TcpClient();
            try
            {
                await client.ConnectAsync(IPAddress.Loopback, port);
                return;
            }
            catch (SocketException)
            {
                await Task.Delay(25);
            }
        }

        throw new TimeoutException($"Nobody listens on port {port}.");
    }
}
