using System.Diagnostics;
using System.Globalization;
using System.IO.Pipelines;
using System.Net;
using Fluxd.Testing;

namespace Fluxd.LoadTests.House;

/// <summary>One SFTP session: OpenSSH carries it, and our own client speaks on it.</summary>
internal sealed class SftpSession : IAsyncDisposable
{
    private readonly Process _ssh;

    private SftpSession(Process ssh)
    {
        _ssh = ssh;
        Client = new SftpTestClient(new Pipes(PipeReader.Create(ssh.StandardOutput.BaseStream), PipeWriter.Create(ssh.StandardInput.BaseStream)));
    }

    public SftpTestClient Client { get; }

    public static async Task<SftpSession> OpenAsync(IPEndPoint server, string user, string keyFile)
    {
        string[] arguments =
        [
            "-q", "-F", "none", "-i", keyFile, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-o", "GlobalKnownHostsFile=/dev/null", "-p", server.Port.ToString(CultureInfo.InvariantCulture), $"{user}@{server.Address}", "-s", "sftp",
        ];
        var ssh = Process.Start(new ProcessStartInfo("ssh", arguments) { RedirectStandardInput = true, RedirectStandardOutput = true })
            ?? throw new InvalidOperationException("ssh did not start");
        var session = new SftpSession(ssh);
        try
        {
            await session.Client.InitAsync();
            return session;
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }

    /// <summary>Without a farewell, as a lost network would.</summary>
    public async ValueTask DisposeAsync()
    {
        _ssh.Kill();
        await _ssh.WaitForExitAsync();
        _ssh.Dispose();
    }

    private sealed record Pipes(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
