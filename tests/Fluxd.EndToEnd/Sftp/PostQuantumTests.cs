using Xunit;

namespace Fluxd.EndToEnd.Sftp;

/// <summary>
/// mlkem768x25519-sha256 against OpenSSH's own implementation of it (9.9 and later). Debian 12's client lacks it, so the
/// test command lays Debian 13's beside it and names it in FLUXD_TEST_PQ_SSH.
/// </summary>
[Trait("Category", "Peers")]
public sealed class PostQuantumTests
{
    [Fact(Timeout = SftpDaemon.TimeoutMs)]
    public async Task OpenSSH_chooses_mlkem768_by_itself_and_transfers_through_many_rekeys()
    {
        var ssh = Environment.GetEnvironmentVariable("FLUXD_TEST_PQ_SSH");
        Assert.True(ssh is not null, "FLUXD_TEST_PQ_SSH is not set: ./build.sh test sftp does it");
        await using var daemon = await SftpDaemon.StartAsync();
        var bytes = daemon.Make("a.bin", 6_000_000);
        await File.WriteAllTextAsync(daemon.PathOf("batch"), "put a.bin /a.bin\nget /a.bin back.bin\n");

        var (code, _, said) = await daemon.TryAsync(
            "sshpass", "-p", daemon.Password, "sftp", "-S", ssh, "-v", "-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-o", "GlobalKnownHostsFile=/dev/null", "-o", "BatchMode=no", "-o", "RekeyLimit=1M", "-P", daemon.Port, "-b", "batch", "admin@127.0.0.1");

        Assert.True(code == 0, said);
        Assert.Equal(bytes, daemon.Read("back.bin"));
        var chosen = said.Split('\n').Where(line => line.Contains("kex: algorithm:", StringComparison.Ordinal)).ToArray();
        Assert.InRange(chosen.Length, 5, int.MaxValue);
        Assert.All(chosen, line => Assert.Contains("mlkem768x25519-sha256", line, StringComparison.Ordinal));
        Assert.DoesNotContain("post-quantum", said, StringComparison.OrdinalIgnoreCase);
    }
}
