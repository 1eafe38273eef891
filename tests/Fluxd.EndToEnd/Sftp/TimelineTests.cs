using System.Text.Json;
using Fluxd.Core.Admin;
using Xunit;

namespace Fluxd.EndToEnd.Sftp;

/// <summary>fluxctl why and the log about what OpenSSH's own clients did.</summary>
public sealed class TimelineTests
{
    private const int Size = 300_000;

    [Fact(Timeout = SftpDaemon.TimeoutMs)]
    public async Task Why_says_of_sftp_and_scp_what_became_durable_and_who_closed()
    {
        await using var daemon = await SftpDaemon.StartAsync();
        daemon.Make("a", Size);
        await daemon.SftpAsync("put a a", "get a back");
        await daemon.ScpAsync("-O", daemon.PathOf("a"), SftpDaemon.Remote("/b"));
        await daemon.ScpAsync("-O", SftpDaemon.Remote("/b"), daemon.PathOf("again"));

        var transfers = await WhyAsync(daemon);
        Assert.Equal(4, transfers.Count);
        Assert.All(transfers, transfer => Assert.Equal(("sftp", "admin", "127.0.0.1", "done", (long)Size), (transfer.Frontend, transfer.User, transfer.Peer, transfer.Outcome, transfer.BytesAccepted)));
        var written = transfers.Where(transfer => transfer.Kind == "write").ToList();
        Assert.Equal(2, written.Count);
        foreach (var transfer in written)
        {
            Assert.Equal(Size, transfer.BytesDurable);
            Assert.Contains($"disk: {Size} bytes durable after ", await daemon.FluxctlAsync("", "why", transfer.Id), StringComparison.Ordinal);
            Assert.Contains($"by admin from 127.0.0.1, transfer {transfer.Id}", daemon.Output, StringComparison.Ordinal);
        }

        daemon.Make("slow", 20_000_000);
        await File.WriteAllTextAsync(daemon.PathOf("batch"), "put slow slow\n");
        await RunSlowlyAsync(daemon, client => { client.Kill(entireProcessTree: true); return Task.CompletedTask; });
        await OutcomeAsync(daemon, "client closed");
        await RunSlowlyAsync(daemon, async _ => await KillSessionAsync(daemon));
        await OutcomeAsync(daemon, "server closed: the session was ended by the server");
    }

    /// <summary>An upload that would take minutes is ended in its midst.</summary>
    private static async Task RunSlowlyAsync(SftpDaemon daemon, Func<System.Diagnostics.Process, Task> end)
    {
        using var client = daemon.Start("sshpass", daemon.SftpArguments("admin", daemon.PathOf("batch"), "-l", "800"));
        while (!(await WhyAsync(daemon)).Any(transfer => transfer is { Outcome: null, BytesAccepted: > 0 }))
        {
            await Task.Delay(50);
        }

        await end(client);
        client.Kill(entireProcessTree: true);
        await client.WaitForExitAsync();
    }

    private static async Task KillSessionAsync(SftpDaemon daemon)
    {
        var sessions = JsonSerializer.Deserialize(await daemon.FluxctlAsync("", "sessions", "list", "--json"), AdminJson.Default.IReadOnlyListSessionRecord)!;
        await daemon.FluxctlAsync("", "sessions", "kill", sessions.Single(session => session.Frontend == "sftp").Id);
    }

    private static async Task OutcomeAsync(SftpDaemon daemon, string outcome)
    {
        while (!(await WhyAsync(daemon)).Any(transfer => transfer.Outcome == outcome))
        {
            await Task.Delay(50);
        }
    }

    private static async Task<IReadOnlyList<TransferRecord>> WhyAsync(SftpDaemon daemon) =>
        JsonSerializer.Deserialize(await daemon.FluxctlAsync("", "why", "--json"), AdminJson.Default.IReadOnlyListTransferRecord)!;
}
