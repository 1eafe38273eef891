using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Fluxd.Testing.Ssh;
using Fluxd.Transports.Ssh;
using Xunit;

namespace Fluxd.EndToEnd.Sftp;

/// <summary>Real clients against the SSH engine with an echo subsystem: each algorithm, re-keys, several channels, silent crowds.</summary>
public sealed class SshClientsTests : IAsyncLifetime
{
    private const int TimeoutMs = 240_000;

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("fluxd-ssh-");
    private readonly byte[] _content = RandomNumberGenerator.GetBytes(2_000_000);
    private SshTestHost _host = null!;

    private string UserKey => Path.Combine(_directory.FullName, "user");

    public async Task InitializeAsync()
    {
        await RunAsync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", UserKey], []);
        _host = await SshTestHost.StartAsync(Path.Combine(_directory.FullName, "keys"), o => o with { RekeyBytes = 1_000_000 }, compat: true);
        _host.Authenticator.Password("anna", "secret");
        _host.Authenticator.Key("anna", Convert.FromBase64String((await File.ReadAllTextAsync(UserKey + ".pub")).Split(' ')[1]));
    }

    public async Task DisposeAsync()
    {
        await _host.DisposeAsync();
        _directory.Delete(recursive: true);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task OpenSSH_transfers_with_every_algorithm_and_with_rekeys()
    {
        var options = new List<string[]>();
        foreach (var kex in SshAlgorithms.Compat.KeyExchange.Where(k => !k.Name.StartsWith("mlkem", StringComparison.Ordinal)))
        {
            options.Add(["-oKexAlgorithms=" + kex.Name]);
        }

        options.AddRange(new[] { "ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256", "ecdsa-sha2-nistp256" }.Select(h => new[] { "-oHostKeyAlgorithms=" + h }));
        foreach (var cipher in SshAlgorithms.Compat.Ciphers)
        {
            foreach (var mac in cipher.IsAead ? SshAlgorithms.Compat.Macs.Take(1) : SshAlgorithms.Compat.Macs)
            {
                options.Add(["-oCiphers=" + cipher.Name, "-oMACs=" + mac.Name, "-oRekeyLimit=256K"]);
            }
        }

        foreach (var option in options)
        {
            var (status, got, error) = await SshAsync([.. option, "127.0.0.1", "-s", "echo"], _content);
            Assert.True(status == 0 && got.AsSpan().SequenceEqual(_content), $"{string.Join(' ', option)}: {status} {error}");
        }
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task What_is_not_offered_is_refused_at_once_with_a_line()
    {
        foreach (var request in new[] { new[] { "127.0.0.1" }, ["127.0.0.1", "rsync", "--server"], ["127.0.0.1", "sh"] })
        {
            var (status, _, error) = await SshAsync(request, []);
            Assert.True(status is 1 or 127, error);
            Assert.Contains("transfers files only", error, StringComparison.Ordinal);
        }

        Assert.NotEqual(0, (await SshAsync(["-W", "localhost:22", "127.0.0.1"], [])).Status);
        Assert.NotEqual(0, (await SshAsync(["127.0.0.1", "-s", "nosuch"], [])).Status);
        var (count, words, _) = await SshAsync(["127.0.0.1", "words", "'a  b'", "\"c\\\"d\""], []);
        Assert.Equal((2, "a  b\nc\"d\n"), (count, System.Text.Encoding.UTF8.GetString(words)));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task One_connection_carries_several_channels()
    {
        var control = Path.Combine(_directory.FullName, "cm");
        var master = SshAsync(["-M", "-S", control, "-N", "127.0.0.1"], []);
        while (!master.IsCompleted && (await SshAsync(["-S", control, "-O", "check", "127.0.0.1"], [])).Status != 0)
        {
            await Task.Yield();
        }

        var results = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => SshAsync(["-S", control, "127.0.0.1", "-s", "echo"], _content)));
        Assert.All(results, r => Assert.Equal(_content, r.Output));
        await SshAsync(["-S", control, "-O", "exit", "127.0.0.1"], []);
        await master;
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Five_hundred_silent_and_chattering_connections_lock_nobody_out()
    {
        var crowd = new List<TcpClient>();
        try
        {
            for (var i = 0; i < 500; i++)
            {
                var silent = new TcpClient();
                await silent.ConnectAsync(IPAddress.Loopback, _host.Port);
                crowd.Add(silent);
                try
                {
                    await silent.GetStream().WriteAsync(FirstWords(i));
                }
                catch (IOException)
                {
                    // It was turned away before it had said all.
                }
            }

            var watch = Stopwatch.StartNew();
            var (status, got, error) = await SshAsync(["127.0.0.1", "-s", "echo"], _content);
            Assert.True(status == 0 && got.AsSpan().SequenceEqual(_content), error);
            Assert.InRange(watch.Elapsed.TotalSeconds, 0, 5);
            Assert.InRange(_host.Endpoint.ConnectionCount, 0, SshLimits.UnauthenticatedPerSourceMax + 20);
        }
        finally
        {
            crowd.ForEach(c => c.Dispose());
        }
    }

    /// <summary>Nothing, half a version, one that never ends, none at all, and a packet that says that it has 4 GiB.</summary>
    private static byte[] FirstWords(int number) => (number % 5) switch
    {
        0 => [],
        1 => "SSH-2.0-slow"u8.ToArray(),
        2 => [.. Enumerable.Repeat((byte)'S', 60_000)],
        3 => "GET / HTTP/1.1\r\nHost: here\r\n\r\n\0\xFF"u8.ToArray(),
        _ => [.. "SSH-2.0-large\r\n"u8, 0xFF, 0xFF, 0xFF, 0xFF, .. new byte[1000]],
    };

    /// <summary>A client with UpdateHostKeys asks for proof of each key that is announced, and keeps the next one beside the used ones.</summary>
    [Fact(Timeout = TimeoutMs)]
    public async Task OpenSSH_learns_the_next_host_key_before_it_is_used()
    {
        var keys = Path.Combine(_directory.FullName, "rotating");
        Directory.CreateDirectory(keys);
        var next = Path.Combine(keys, "ssh_host_ed25519_key_next");
        await RunAsync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "next", "-f", next], []);
        await using var host = await SshTestHost.StartAsync(keys);
        host.Authenticator.Key("anna", Convert.FromBase64String((await File.ReadAllTextAsync(UserKey + ".pub")).Split(' ')[1]));
        var known = Path.Combine(_directory.FullName, "known");

        // It must know the host before it believes what the host says of other keys.
        for (var login = 0; login < 2; login++)
        {
            var (status, _, error) = await RunAsync(
                "ssh",
                ["-F", "none", "-oStrictHostKeyChecking=accept-new", "-oUpdateHostKeys=yes", "-oUserKnownHostsFile=" + known, "-oGlobalKnownHostsFile=/dev/null",
                 "-oBatchMode=yes", "-p", $"{host.Port}", "-l", "anna", "-i", UserKey, "127.0.0.1", "-s", "echo"],
                _content);
            Assert.True(status == 0, error);
        }

        var learnt = await File.ReadAllTextAsync(known);
        Assert.Contains((await File.ReadAllTextAsync(next + ".pub")).Split(' ')[1], learnt, StringComparison.Ordinal);
        Assert.Contains("ssh-rsa ", learnt, StringComparison.Ordinal);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Ssh_audit_has_nothing_to_complain_about()
    {
        await using var host = await SshTestHost.StartAsync(Path.Combine(_directory.FullName, "plain"));
        var newer = Environment.GetEnvironmentVariable("FLUXD_TEST_SSH_AUDIT");
        var (_, output, _) = await RunAsync(newer ?? "ssh-audit", ["-n", "-p", $"{host.Port}", "127.0.0.1"], []);
        var lines = System.Text.Encoding.UTF8.GetString(output).Split('\n');
        Assert.Contains(lines, l => l.Contains("curve25519-sha256", StringComparison.Ordinal));
        Assert.DoesNotContain(lines, l => l.Contains("[fail]", StringComparison.Ordinal));

        // Debian 12's ssh-audit is older than ML-KEM and strict key exchange; it says so and nothing else. Debian 13's knows both.
        Assert.All(
            lines.Where(l => l.Contains("[warn]", StringComparison.Ordinal)),
            l => Assert.True(newer is null && l.Contains("unknown algorithm", StringComparison.Ordinal), l));
    }

    private Task<(int Status, byte[] Output, string Error)> SshAsync(string[] arguments, byte[] input) => RunAsync(
        "ssh",
        ["-F", "none", "-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null", "-oLogLevel=ERROR", "-oBatchMode=yes", "-p", $"{_host.Port}", "-l", "anna", "-i", UserKey, .. arguments],
        input);

    private static async Task<(int Status, byte[] Output, string Error)> RunAsync(string program, string[] arguments, byte[] input)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = new MemoryStream();
        var reading = process.StandardOutput.BaseStream.CopyToAsync(output, limit.Token);
        var error = process.StandardError.ReadToEndAsync(limit.Token);
        try
        {
            await process.StandardInput.BaseStream.WriteAsync(input, limit.Token);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It refused before it read everything.
        }

        await process.WaitForExitAsync(limit.Token);
        await reading;
        return (process.ExitCode, output.ToArray(), await error);
    }
}
