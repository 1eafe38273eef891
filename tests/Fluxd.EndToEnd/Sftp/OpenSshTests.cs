using System.Diagnostics;
using Xunit;

namespace Fluxd.EndToEnd.Sftp;

/// <summary>OpenSSH's sftp and scp against the daemon and its store.</summary>
[Trait("Category", "Peers")]
public sealed class OpenSshTests
{
    [Fact(Timeout = SftpDaemon.TimeoutMs)]
    public async Task Sftp_puts_lists_gets_renames_and_removes()
    {
        await using var daemon = await SftpDaemon.StartAsync();
        var bytes = daemon.Make("a.bin", 9_000_001);

        var listing = await daemon.SftpAsync("mkdir /in", "put a.bin /in/a.bin", "ls -l /in", "rename /in/a.bin /in/b.bin", "ls -1 /in", "get /in/b.bin back.bin");

        Assert.Contains("9000001", listing, StringComparison.Ordinal);
        Assert.Contains("/in/b.bin", listing, StringComparison.Ordinal);
        Assert.Equal(bytes, daemon.Read("back.bin"));
        var after = await daemon.SftpAsync("rm /in/b.bin", "rmdir /in", "ls -1 /");
        Assert.DoesNotContain("\n/in", after, StringComparison.Ordinal);
    }

    [Fact(Timeout = SftpDaemon.TimeoutMs)]
    public async Task Sftp_copies_a_tree_there_and_back_with_its_times()
    {
        await using var daemon = await SftpDaemon.StartAsync();
        MakeTree(daemon);

        await daemon.SftpAsync("put -rp tree /tree", "get -rp /tree back");

        await AssertSameAsync(daemon, "tree", "back");
        Assert.Equal(Seconds(daemon, "tree/deep/er/0"), Seconds(daemon, "back/deep/er/0"));
    }

    [Fact(Timeout = SftpDaemon.TimeoutMs)]
    public async Task Reput_goes_on_where_a_killed_client_stopped()
    {
        await using var daemon = await SftpDaemon.StartAsync();
        var bytes = daemon.Make("big.bin", 60_000_000);
        await File.WriteAllTextAsync(daemon.PathOf("slow"), "put big.bin /big.bin\n");
        using var client = daemon.Start("sshpass", daemon.SftpArguments("admin", "slow", "-l", "40000"));
        await UntilSizeAsync(daemon, "/big.bin", 3_000_000);
        client.Kill(entireProcessTree: true);
        await client.WaitForExitAsync();
        var partial = await SizeAsync(daemon, "/big.bin");

        await daemon.SftpAsync("reput big.bin /big.bin", "get /big.bin back.bin");

        Assert.InRange(partial, 3_000_000, bytes.Length - 1);
        Assert.Equal(bytes, daemon.Read("back.bin"));
    }

    [Theory(Timeout = SftpDaemon.TimeoutMs)]
    [MemberData(nameof(Ciphers))]
    public async Task Sftp_and_both_kinds_of_scp_transfer_with_each_cipher_through_many_rekeys(string cipher)
    {
        await using var daemon = await SftpDaemon.StartAsync();
        MakeTree(daemon);
        var bytes = daemon.Make("a.bin", 2_000_000);
        string[] options = ["-o", "Ciphers=" + cipher, "-o", "RekeyLimit=256K"];

        var (code, _, errors) = await daemon.TrySftpAsync("admin", options, "put -r tree /tree", "put a.bin /a.bin", "get -r /tree back", "get /a.bin a.sftp");
        Assert.True(code == 0, errors);
        await AssertSameAsync(daemon, "tree", "back");
        Assert.Equal(bytes, daemon.Read("a.sftp"));
        foreach (var protocol in new[] { "-s", "-O" })
        {
            await daemon.ScpAsync([protocol, .. options, "a.bin", SftpDaemon.Remote("/b.bin")]);
            await daemon.ScpAsync([protocol, .. options, SftpDaemon.Remote("/b.bin"), "b.scp"]);
            Assert.Equal(bytes, daemon.Read("b.scp"));
        }
    }

    public static TheoryData<string> Ciphers() =>
        ["chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com", "aes128-gcm@openssh.com", "aes256-ctr", "aes128-ctr"];

    [Fact(Timeout = SftpDaemon.TimeoutMs)]
    public async Task A_certificate_of_a_configured_authority_logs_in_whom_it_names()
    {
        var authority = Directory.CreateTempSubdirectory("fluxd-ca-");
        try
        {
            var ca = Path.Combine(authority.FullName, "ca");
            await Fluxd.EndToEnd.Http.Tool.RunAsync("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", ca);
            await using var daemon = await SftpDaemon.StartAsync($"sftp.user_ca={ca}.pub");
            await File.WriteAllTextAsync(daemon.PathOf("list"), "ls /\n");
            foreach (var (name, principal, logsIn) in new[] { ("good", "admin", true), ("other", "bert", false) })
            {
                await daemon.RunAsync("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", daemon.PathOf(name));
                await daemon.RunAsync("ssh-keygen", "-q", "-s", ca, "-I", name, "-n", principal, "-V", "+1h", daemon.PathOf(name + ".pub"));

                var (code, _, errors) = await daemon.TryAsync("sftp", daemon.WithoutPassword("admin", "list", daemon.PathOf(name)));

                Assert.True(logsIn == (code == 0), errors);
            }
        }
        finally
        {
            authority.Delete(recursive: true);
        }
    }

    [Theory(Timeout = SftpDaemon.TimeoutMs)]
    [InlineData("-s")]
    [InlineData("-O")]
    public async Task Scp_copies_files_and_trees_with_their_times(string protocol)
    {
        await using var daemon = await SftpDaemon.StartAsync();
        MakeTree(daemon);
        var bytes = daemon.Make("one file.bin", 5_000_000);

        await daemon.ScpAsync(protocol, "-p", "one file.bin", SftpDaemon.Remote("/one.bin"));
        await daemon.ScpAsync(protocol, "-p", SftpDaemon.Remote("/one.bin"), "back.bin");
        await daemon.ScpAsync(protocol, "-rp", "tree", SftpDaemon.Remote("/tree"));
        await daemon.ScpAsync(protocol, "-rp", SftpDaemon.Remote("/tree"), "back");

        Assert.Equal(bytes, daemon.Read("back.bin"));
        await AssertSameAsync(daemon, "tree", "back");
        Assert.Equal(Seconds(daemon, "tree/deep/er/0"), Seconds(daemon, "back/deep/er/0"));
    }

    [Fact(Timeout = SftpDaemon.TimeoutMs)]
    public async Task What_sftp_wrote_http_reads_and_back()
    {
        await using var daemon = await SftpDaemon.StartAsync();
        var bytes = daemon.Make("a.bin", 3_000_000);
        var other = daemon.Make("b.bin", 3_000_001);
        await daemon.SftpAsync("put a.bin /a.bin");

        await daemon.RunAsync("curl", "-fsS", "-u", "admin:" + daemon.Password, "-o", "a.back", daemon.Http + "/v1/files/a.bin");
        await daemon.RunAsync("curl", "-fsS", "-u", "admin:" + daemon.Password, "-T", "b.bin", daemon.Http + "/v1/files/b.bin");
        await daemon.SftpAsync("get /b.bin b.back");

        Assert.Equal(bytes, daemon.Read("a.back"));
        Assert.Equal(other, daemon.Read("b.back"));
    }

    [Fact(Timeout = SftpDaemon.TimeoutMs)]
    public async Task A_key_added_by_fluxctl_logs_in_at_once_and_no_more_once_removed()
    {
        await using var daemon = await SftpDaemon.StartAsync();
        await daemon.RunAsync("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", daemon.PathOf("id"));
        await File.WriteAllTextAsync(daemon.PathOf("list"), "ls /\n");
        var login = daemon.WithoutPassword("admin", "list", daemon.PathOf("id"));
        Assert.NotEqual(0, (await daemon.TryAsync("sftp", login)).ExitCode);

        await daemon.FluxctlAsync("", "keys", "add", "admin", daemon.PathOf("id.pub"));
        await daemon.RunAsync("sftp", login);

        await daemon.FluxctlAsync("", "keys", "remove", "admin", "1");
        Assert.NotEqual(0, (await daemon.TryAsync("sftp", login)).ExitCode);
    }

    [Fact(Timeout = SftpDaemon.TimeoutMs)]
    public async Task Fluxctl_tells_the_host_keys_that_ssh_sees()
    {
        await using var daemon = await SftpDaemon.StartAsync();

        var told = await daemon.FluxctlAsync("", "sftp", "hostkeys");
        var seen = await daemon.RunAsync("ssh-keyscan", "-t", "ed25519,rsa", "-p", daemon.Port, "127.0.0.1");
        var records = await daemon.RunAsync("ssh-keyscan", "-D", "-t", "ed25519,rsa", "-p", daemon.Port, "127.0.0.1");

        var keys = seen.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => !line.StartsWith('#')).ToArray();
        Assert.Equal(2, keys.Length);
        Assert.All(keys, key => Assert.Contains(key[(key.IndexOf(' ', StringComparison.Ordinal) + 1)..], told, StringComparison.Ordinal));
        var sha256 = records.Split('\n').Where(line => line.Split(' ') is [_, "IN", "SSHFP", _, "2", _]).ToArray();
        Assert.Equal(2, sha256.Length);
        Assert.All(sha256, record => Assert.Contains(record[record.IndexOf("IN SSHFP", StringComparison.Ordinal)..], told, StringComparison.Ordinal));
        var prints = await daemon.RunAsync("bash", "-c", $"ssh-keyscan -t ed25519 -p {daemon.Port} 127.0.0.1 2>/dev/null | ssh-keygen -lf -");
        Assert.Contains(prints.Split(' ')[1], told, StringComparison.Ordinal);
    }

    [Fact(Timeout = SftpDaemon.TimeoutMs)]
    public async Task Kill_9_in_mid_upload_keeps_what_was_acknowledged_and_the_rest_resumes()
    {
        await using var daemon = await SftpDaemon.StartAsync();
        var done = daemon.Make("done.bin", 5_000_000);
        var bytes = daemon.Make("big.bin", 60_000_000);
        await daemon.SftpAsync("put done.bin /done.bin");
        await File.WriteAllTextAsync(daemon.PathOf("slow"), "put big.bin /big.bin\n");
        using var client = daemon.Start("sshpass", daemon.SftpArguments("admin", "slow", "-l", "40000"));
        await UntilSizeAsync(daemon, "/big.bin", 8_000_000);

        await daemon.KillAsync();
        await client.WaitForExitAsync();
        Assert.NotEqual(0, client.ExitCode);

        // A sequential upload of more than 4 MiB is kept even then.
        Assert.InRange(await SizeAsync(daemon, "/big.bin"), 4 << 20, bytes.Length - 1);

        await daemon.SftpAsync("get /done.bin done.back", "reput big.bin /big.bin", "get /big.bin big.back");
        Assert.Equal(done, daemon.Read("done.back"));
        Assert.Equal(bytes, daemon.Read("big.back"));

        // Neither half of it is left anywhere.
        Assert.DoesNotContain("big.bin", await daemon.RunAsync("curl", "-fsS", "-u", "admin:" + daemon.Password, daemon.Http + "/v1/uploads"), StringComparison.Ordinal);
        await daemon.FluxctlAsync("", "store", "fsck");
    }

    private static void MakeTree(SftpDaemon daemon)
    {
        for (var i = 0; i < 40; i++)
        {
            daemon.Make($"tree/{(i % 2 == 0 ? "deep/er" : "ümläut und leer")}/{i}", i * 1000);
        }

        File.SetLastWriteTimeUtc(daemon.PathOf("tree/deep/er/0"), new DateTime(2001, 2, 3, 4, 5, 6, DateTimeKind.Utc));
    }

    private static Task AssertSameAsync(SftpDaemon daemon, string one, string other) => daemon.RunAsync("diff", "-r", one, other);

    private static long Seconds(SftpDaemon daemon, string name) => new DateTimeOffset(File.GetLastWriteTimeUtc(daemon.PathOf(name))).ToUnixTimeSeconds();

    private static async Task UntilSizeAsync(SftpDaemon daemon, string path, long size)
    {
        var patience = Stopwatch.StartNew();
        while (await SizeAsync(daemon, path) < size)
        {
            Assert.True(patience.Elapsed < TimeSpan.FromSeconds(60), $"{path} does not grow");
        }
    }

    /// <summary>Zero while there is no such file.</summary>
    private static async Task<long> SizeAsync(SftpDaemon daemon, string path)
    {
        var (code, output, _) = await daemon.TrySftpAsync("admin", [], "ls -ln " + path);
        var fields = output.Split('\n').FirstOrDefault(line => line.StartsWith('-'))?.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return code == 0 && fields is not null ? long.Parse(fields[4], System.Globalization.CultureInfo.InvariantCulture) : 0;
    }
}
