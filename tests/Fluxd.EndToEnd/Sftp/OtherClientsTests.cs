using System.Globalization;
using Xunit;

namespace Fluxd.EndToEnd.Sftp;

/// <summary>The SFTP clients besides OpenSSH's that people use, each against the daemon and its store.</summary>
[Trait("Category", "Peers")]
public sealed class OtherClientsTests
{
    private const string Ssh = "ssh -a -x -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR";

    [Fact(Timeout = SftpDaemon.TimeoutMs)]
    public async Task Lftp_mirrors_a_tree_there_and_back_over_four_connections()
    {
        await using var daemon = await WithTreeAsync();
        var commands = $"set sftp:auto-confirm yes; set sftp:connect-program '{Ssh}'; set net:max-retries 2; set cmd:fail-exit yes; "
            + "mirror -R --parallel=4 tree /tree; mirror --parallel=4 /tree back; bye";

        await daemon.RunAsync("lftp", "--norc", "-e", commands, "-u", "admin," + daemon.Password, "sftp://127.0.0.1:" + daemon.Port);

        await daemon.RunAsync("diff", "-r", "tree", "back");
    }

    /// <summary>The second put goes on at the bytes that the first one left.</summary>
    [Fact(Timeout = SftpDaemon.TimeoutMs)]
    public async Task Lftp_goes_on_with_an_upload_and_a_download_that_were_cut_off()
    {
        await using var daemon = await WithTreeAsync();
        var bytes = daemon.Make("big.bin", 9_000_000);
        await File.WriteAllBytesAsync(daemon.PathOf("back.bin"), bytes[..3_000_001]);
        await PythonAsync(daemon, """
            import os, paramiko
            c = paramiko.SSHClient(); c.set_missing_host_key_policy(paramiko.AutoAddPolicy())
            c.connect("127.0.0.1", port=port, username="admin", password=password, look_for_keys=False, allow_agent=False)
            f = c.open_sftp().open("/big.bin", "w")
            f.write(open("big.bin", "rb").read(5_000_000))
            os._exit(0)  # as killed: nothing is closed
            """);
        var commands = $"set sftp:auto-confirm yes; set sftp:connect-program '{Ssh}'; set net:max-retries 2; set cmd:fail-exit yes; "
            + "put -c big.bin -o /big.bin; get -c /big.bin -o back.bin; bye";

        await daemon.RunAsync("lftp", "--norc", "-e", commands, "-u", "admin," + daemon.Password, "sftp://127.0.0.1:" + daemon.Port);

        Assert.Equal(bytes, daemon.Read("back.bin"));
        var log = await daemon.RunAsync("curl", "-fsS", "-u", "admin:" + daemon.Password, daemon.Http + "/v1/uploads");
        Assert.DoesNotContain("big.bin", log, StringComparison.Ordinal);
    }

    [Fact(Timeout = SftpDaemon.TimeoutMs)]
    public async Task Rclone_copies_and_checks_by_the_hashes_of_our_shell_commands()
    {
        await using var daemon = await WithTreeAsync();
        var secret = (await daemon.RunAsync("rclone", "obscure", daemon.Password)).Trim();
        await File.WriteAllTextAsync(daemon.PathOf("rclone.conf"), $"[there]\ntype = sftp\nhost = 127.0.0.1\nport = {daemon.Port}\nuser = admin\npass = {secret}\n");
        Task<string> Rclone(params string[] arguments) => daemon.RunAsync("rclone", ["--config", daemon.PathOf("rclone.conf"), .. arguments]);

        await Rclone("copy", "tree", "there:/tree");
        await Rclone("check", "tree", "there:/tree");
        await Rclone("check", "--download", "tree", "there:/tree");

        // Only the server's md5sum and sha1sum can answer these; rclone asks for them when it may.
        var ours = await Rclone("hashsum", "MD5", "tree");
        Assert.Contains("md5sum_command = md5sum", await File.ReadAllTextAsync(daemon.PathOf("rclone.conf")), StringComparison.Ordinal);
        Assert.Equal(Lines(ours), Lines(await Rclone("hashsum", "MD5", "there:/tree")));
        Assert.Equal(Lines(await Rclone("hashsum", "SHA1", "tree")), Lines(await Rclone("hashsum", "SHA1", "there:/tree")));

        // The same size and time, other bytes: a check without hashes would not see it.
        var time = File.GetLastWriteTimeUtc(daemon.PathOf("tree/deep/er/9"));
        daemon.Make("tree/deep/er/9", 9000);
        File.SetLastWriteTimeUtc(daemon.PathOf("tree/deep/er/9"), time);
        Assert.NotEqual(0, (await daemon.TryAsync("rclone", "--config", daemon.PathOf("rclone.conf"), "check", "tree", "there:/tree")).ExitCode);
    }

    [Fact(Timeout = SftpDaemon.TimeoutMs)]
    public async Task Paramiko_reads_writes_renames_and_links_in_openssh_order()
    {
        await using var daemon = await WithTreeAsync();
        await PythonAsync(daemon, """
            import paramiko
            c = paramiko.SSHClient(); c.set_missing_host_key_policy(paramiko.AutoAddPolicy())
            c.connect("127.0.0.1", port=port, username="admin", password=password, look_for_keys=False, allow_agent=False)
            s = c.open_sftp()
            s.put("tree/a.bin", "/p.bin"); s.get("/p.bin", "p.back")
            data = open("tree/a.bin", "rb").read()
            assert data == open("p.back", "rb").read()
            s.symlink("p.bin", "/p.link")
            assert s.readlink("/p.link") == "p.bin", s.readlink("/p.link")
            assert s.stat("/p.link").st_size == len(data)
            with s.open("/p.bin", "r+") as f:
                f.seek(100); f.write(b"hello"); f.seek(98)
                assert f.read(9) == data[98:100] + b"hello" + data[105:107]
                f.truncate(1000)
            with s.open("/p.bin", "a") as f: f.write(b"xyz")
            with s.open("/p.bin") as f: assert f.read() == data[:100] + b"hello" + data[105:1000] + b"xyz"
            s.utime("/p.bin", (1, 2)); assert s.stat("/p.bin").st_mtime == 2
            s.rename("/p.bin", "/q.bin"); s.open("/r.bin", "w").close()
            try: s.rename("/q.bin", "/r.bin"); raise SystemExit("rename took a name that was in use")
            except OSError: pass
            s.posix_rename("/q.bin", "/r.bin")
            assert sorted(s.listdir("/")) == ["p.link", "r.bin"], s.listdir("/")
            try: s.open("/nope"); raise SystemExit("opened what is not there")
            except FileNotFoundError: pass
            s.remove("/r.bin"); s.remove("/p.link"); assert s.listdir("/") == []
            """);
    }

    /// <summary>OpenSSH's sftp prints words of its own for a status; paramiko prints ours.</summary>
    [Fact(Timeout = SftpDaemon.TimeoutMs)]
    public async Task A_full_quota_is_said_in_words_and_a_raised_one_lets_the_file_in()
    {
        await using var daemon = await WithTreeAsync();
        const string Put = """
            import paramiko
            c = paramiko.SSHClient(); c.set_missing_host_key_policy(paramiko.AutoAddPolicy())
            c.connect("127.0.0.1", port=port, username="admin", password=password, look_for_keys=False, allow_agent=False)
            c.open_sftp().put("tree/a.bin", "/a.bin")
            """;
        await daemon.FluxctlAsync("", "users", "quota", "admin", "--bytes", "1M");
        var errors = await Assert.ThrowsAnyAsync<Xunit.Sdk.XunitException>(() => PythonAsync(daemon, Put));
        Assert.Contains("quota", errors.Message.Split("The daemon said")[0].Split("OSError").Last(), StringComparison.OrdinalIgnoreCase);

        await daemon.FluxctlAsync("", "users", "quota", "admin", "--bytes", "none");
        await PythonAsync(daemon, Put);
    }

    [Fact(Timeout = SftpDaemon.TimeoutMs)]
    public async Task Asyncssh_copies_trees_many_requests_at_once_and_links_in_openssh_order()
    {
        await using var daemon = await WithTreeAsync();
        await PythonAsync(daemon, """
            import asyncio, asyncssh
            async def main():
                async with asyncssh.connect("127.0.0.1", port=port, username="admin", password=password, known_hosts=None, config=None, client_keys=None) as c:
                    async with c.start_sftp_client() as s:
                        await s.put("tree", "/tree", recurse=True, preserve=True)
                        await s.get("/tree", "back", recurse=True, preserve=True)
                        await s.symlink("tree/a.bin", "/link")
                        assert await s.readlink("/link") == "tree/a.bin"
                        assert (await s.stat("/link")).size == (await s.stat("/tree/a.bin")).size
                        assert (await s.statvfs("/")).bavail > 0
                        found = await asyncio.gather(*(s.stat(f"/tree/deep/er/{i}") for i in range(20)))
                        assert [f.size for f in found] == [i * 1000 for i in range(20)]
                        await s.rmtree("/tree"); assert not await s.exists("/tree")
            asyncio.run(main())
            """);

        await daemon.RunAsync("diff", "-r", "tree", "back");
    }

    [Fact(Timeout = SftpDaemon.TimeoutMs)]
    public async Task Psftp_copies_a_tree_and_renames()
    {
        await using var daemon = await WithTreeAsync();
        await File.WriteAllTextAsync(daemon.PathOf("batch"), "put -r tree /tree\nmv /tree/a.bin /b.bin\nget /b.bin b.back\nmv /b.bin /tree/a.bin\nget -r /tree back\n");
        var key = await daemon.RunAsync("bash", "-c", $"ssh-keyscan -t ed25519 -p {daemon.Port} 127.0.0.1 2>/dev/null | ssh-keygen -lf - | cut -d' ' -f2");

        await daemon.RunAsync("psftp", "-batch", "-hostkey", key.Trim(), "-P", daemon.Port, "-l", "admin", "-pw", daemon.Password, "-b", "batch", "127.0.0.1");

        Assert.Equal(daemon.Read("tree/a.bin"), daemon.Read("b.back"));
        await daemon.RunAsync("diff", "-r", "tree", "back");
    }

    [Fact(Timeout = SftpDaemon.TimeoutMs)]
    public async Task Restic_backs_up_checks_and_restores()
    {
        await using var daemon = await WithTreeAsync();
        var command = $"sftp.command=sshpass -p {daemon.Password} {Ssh} -p {daemon.Port} admin@127.0.0.1 -s sftp";
        await File.WriteAllTextAsync(daemon.PathOf("secret"), "a repository's own password\n");
        Task<string> Restic(params string[] arguments) =>
            daemon.RunAsync("restic", ["-q", "--no-cache", "-p", "secret", "-o", command, "-r", "sftp:admin@127.0.0.1:/restic", .. arguments]);

        await Restic("init");
        await Restic("backup", "tree");
        daemon.Make("tree/later", 100_000);
        await Restic("backup", "tree");
        await Restic("forget", "--keep-last", "1", "--prune");
        await Restic("check", "--read-data");
        await Restic("restore", "latest", "--target", "back");

        await daemon.RunAsync("diff", "-r", "tree", "back/tree");
    }

    [Fact(Timeout = SftpDaemon.TimeoutMs)]
    public async Task Curl_with_an_old_libssh2_needs_compat_and_then_resumes()
    {
        await using var daemon = await SftpDaemon.StartAsync("sftp.compat=true");
        var bytes = daemon.Make("a.bin", 5_000_000);
        await File.WriteAllBytesAsync(daemon.PathOf("part.bin"), bytes[..2_000_001]);
        var url = $"sftp://127.0.0.1:{daemon.Port}";
        Task<string> Curl(params string[] arguments) => daemon.RunAsync("curl", ["-sS", "-k", "-u", "admin:" + daemon.Password, .. arguments]);

        await Curl("-T", "part.bin", "--ftp-create-dirs", url + "/new/a.bin");
        await Curl("-T", "a.bin", "-C", "-", url + "/new/a.bin");
        await Curl("-C", "-", "-o", "part.bin", url + "/new/a.bin");

        Assert.Equal(bytes, daemon.Read("part.bin"));
        Assert.Contains("a.bin", await Curl(url + "/new/"), StringComparison.Ordinal);
    }

    /// <summary>libssh2 before 1.11 has no encrypt-then-MAC; a newer one gets in by itself, and both are right.</summary>
    [Fact(Timeout = SftpDaemon.TimeoutMs)]
    public async Task Curl_without_compat_gets_in_only_by_todays_algorithms()
    {
        await using var daemon = await SftpDaemon.StartAsync();
        var version = System.Text.RegularExpressions.Regex.Match(await daemon.RunAsync("curl", "--version"), @"libssh2/1\.([0-9]+)");
        Assert.True(version.Success, "curl is built without libssh2");
        var isOld = int.Parse(version.Groups[1].Value, CultureInfo.InvariantCulture) < 11;

        var (code, _, said) = await daemon.TryAsync("curl", "-sS", "-k", "-u", "admin:" + daemon.Password, $"sftp://127.0.0.1:{daemon.Port}/");

        Assert.True(isOld == (code != 0), said);
        if (isOld)
        {
            Assert.Contains("exchange encryption keys", said, StringComparison.Ordinal);
        }
    }

    [Fact(Timeout = SftpDaemon.TimeoutMs)]
    public async Task Sshfs_is_a_file_system_for_ordinary_programs()
    {
        await using var daemon = await WithTreeAsync();

        // Unmounted by the shell itself, or the folder could not be removed; $1 the port, the password comes as $2.
        await File.WriteAllTextAsync(daemon.PathOf("work.sh"), """
            set -eu
            mkdir mnt
            printf '%s\n' "$2" | sshfs -o password_stdin,port="$1",StrictHostKeyChecking=no,UserKnownHostsFile=/dev/null admin@127.0.0.1:/ mnt
            trap 'fusermount3 -u mnt || fusermount3 -uz mnt' EXIT
            cp -r tree mnt/there
            diff -r tree mnt/there
            mv mnt/there/deep mnt/there/moved
            printf more >> mnt/there/moved/er/1
            test "$(stat -c %s mnt/there/moved/er/1)" = 1004
            printf X | dd of=mnt/there/moved/er/3 bs=1 seek=5 conv=notrunc status=none
            cp tree/deep/er/3 expected; printf X | dd of=expected bs=1 seek=5 conv=notrunc status=none
            cmp expected mnt/there/moved/er/3
            truncate -s 100 mnt/there/moved/er/2
            cmp <(head -c 100 tree/deep/er/2) mnt/there/moved/er/2
            ln -s er mnt/there/moved/link
            test "$(ls mnt/there/moved/link | wc -l)" = 20
            touch -d 2001-02-03 mnt/there/a.bin
            test "$(stat -c %Y mnt/there/a.bin)" = "$(date -d 2001-02-03 +%s)"
            df mnt >/dev/null
            rm -r mnt/there
            test -z "$(ls -A mnt)"
            """);

        await daemon.RunAsync("bash", "work.sh", daemon.Port, daemon.Password);
    }

    private static async Task<SftpDaemon> WithTreeAsync()
    {
        var daemon = await SftpDaemon.StartAsync();
        daemon.Make("tree/a.bin", 4_000_001);
        for (var i = 0; i < 20; i++)
        {
            daemon.Make($"tree/deep/er/{i}", i * 1000);
            daemon.Make($"tree/ünd leer/{i}", i * 7000);
        }

        return daemon;
    }

    private static async Task PythonAsync(SftpDaemon daemon, string script)
    {
        var head = string.Create(CultureInfo.InvariantCulture, $"port = {daemon.Port}; password = \"{daemon.Password}\"\n");
        await File.WriteAllTextAsync(daemon.PathOf("client.py"), head + script);
        await daemon.RunAsync("/usr/bin/python3", "-W", "ignore", "client.py");
    }

    private static string[] Lines(string text) => [.. text.Split('\n').Order(StringComparer.Ordinal)];
}
