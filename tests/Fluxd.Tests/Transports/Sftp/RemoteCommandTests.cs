using System.IO.Pipelines;
using System.Security.Cryptography;
using System.Text;
using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Testing;
using Fluxd.Transports.Sftp.Commands;
using Xunit;

namespace Fluxd.Tests.Transports.Sftp;

public sealed class RemoteCommandTests
{
    private readonly MemoryFiles _files = new();

    private async Task<(int Status, byte[] Output, string Errors)> Run(string command, byte[] input, params string[] words)
    {
        var pair = new PipePair();
        var errors = new StringBuilder();
        await pair.Client.Output.WriteAsync(input);
        await pair.Client.Output.CompleteAsync();
        var call = new RemoteCommandCall([.. words.Select(Encoding.UTF8.GetBytes)], People.Anna, pair.Server, TakeError);
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var output = ReadAll(pair.Client.Input);
        var status = await RemoteCommands.Over(_files, TimeProvider.System)[command].RunAsync(call, stop.Token);
        await pair.Server.Output.CompleteAsync();
        return (status, await output, errors.ToString());

        ValueTask TakeError(string line, CancellationToken ct)
        {
            errors.AppendLine(line);
            return ValueTask.CompletedTask;
        }
    }

    private static async Task<byte[]> ReadAll(PipeReader reader)
    {
        using var all = new MemoryStream();
        await reader.CopyToAsync(all);
        return all.ToArray();
    }

    private async Task Put(string path, byte[] data)
    {
        await using var file = await _files.OpenAsync(People.Anna, FilePath.Parse(path), new OpenRequest { Access = OpenAccess.Write, Create = true, Truncate = true }, CancellationToken.None);
        await file.WriteAsync(0, data, CancellationToken.None);
        await file.CloseAsync(CancellationToken.None);
    }

    private async Task<byte[]> Get(string path)
    {
        await using var file = await _files.OpenAsync(People.Anna, FilePath.Parse(path), new OpenRequest { Access = OpenAccess.Read }, CancellationToken.None);
        var bytes = new byte[(await file.StatAsync(CancellationToken.None)).Size];
        await file.ReadAsync(0, bytes, CancellationToken.None);
        return bytes;
    }

    [Fact(Timeout = 30_000)]
    public async Task Hashes_of_nothing_are_what_clients_probe_for()
    {
        Assert.Equal("d41d8cd98f00b204e9800998ecf8427e  -\n", Encoding.ASCII.GetString((await Run("md5sum", [])).Output));
        Assert.Equal("da39a3ee5e6b4b0d3255bfef95601890afd80709  -\n", Encoding.ASCII.GetString((await Run("sha1sum", [])).Output));
    }

    [Fact(Timeout = 30_000)]
    public async Task Hashes_are_computed_once_and_then_known()
    {
        await Put("/x", "hello"u8.ToArray());
        var expected = Convert.ToHexStringLower(SHA256.HashData("hello"u8)) + "  /x\n";
        Assert.Equal(expected, Encoding.ASCII.GetString((await Run("sha256sum", [], "/x")).Output));
        Assert.NotNull(await _files.FindDigestAsync(People.Anna, FilePath.Parse("/x"), DigestAlgorithm.Sha256, CancellationToken.None));
        Assert.Equal(expected, Encoding.ASCII.GetString((await Run("sha256sum", [], "/x")).Output));
    }

    [Fact(Timeout = 30_000)]
    public async Task A_missing_file_is_an_error_of_its_own_line()
    {
        await Put("/x", "hello"u8.ToArray());
        var (status, output, errors) = await Run("md5sum", [], "/missing", "/x");
        Assert.Equal(1, status);
        Assert.Contains("/missing", errors, StringComparison.Ordinal);
        Assert.Equal("5d41402abc4b2a76b9719d911017c592  /x\n", Encoding.ASCII.GetString(output));
    }

    [Fact(Timeout = 30_000)]
    public async Task Echo_knows_no_variable() =>
        Assert.Equal("%ComSpec%\n", Encoding.ASCII.GetString((await Run("echo", [], "${ShellId}%ComSpec%")).Output));

    [Fact(Timeout = 30_000)]
    public async Task Who_has_no_REALPATH_finds_home_and_folders_by_pwd_and_cd()
    {
        await Put("/file", "x"u8.ToArray());
        await _files.MakeFolderAsync(People.Anna, FilePath.Parse("/folder"), null, parents: false, CancellationToken.None);

        Assert.Equal("/\n", Encoding.ASCII.GetString((await Run("pwd", [])).Output));
        Assert.Equal(0, (await Run("cd", [])).Status);
        Assert.Equal(0, (await Run("cd", [], "/folder")).Status);
        Assert.Equal(FluxError.NotFolder, (await Assert.ThrowsAsync<FluxException>(() => Run("cd", [], "/file"))).Error);
        Assert.Equal(FluxError.NotFound, (await Assert.ThrowsAsync<FluxException>(() => Run("cd", [], "/nowhere"))).Error);
    }

    [Fact(Timeout = 30_000)]
    public async Task Df_speaks_the_portable_format()
    {
        _files.QuotaBytes = 4096 * 1024;
        var lines = Encoding.ASCII.GetString((await Run("df", [], "-k")).Output).Split('\n');
        Assert.Equal("fluxd 4096 0 4096 0% /", lines[1]);
    }

    [Fact(Timeout = 30_000)]
    public async Task Scp_receives_a_tree_with_times_and_modes()
    {
        var input = "T1000 0 2000 0\nD0750 0 tree\nC0600 3 a\nabc\0E\n"u8.ToArray();
        var (status, output, _) = await Run("scp", input, "-r", "-p", "-t", "/");
        Assert.Equal(0, status);
        Assert.Equal(new byte[6], output);
        Assert.Equal("abc"u8.ToArray(), await Get("/tree/a"));
        var node = await _files.StatAsync(People.Anna, FilePath.Parse("/tree"), true, CancellationToken.None);
        Assert.Equal((1000L, 0x1E8), (node.ModifiedAt.Seconds, node.Mode));
    }

    [Theory(Timeout = 30_000)]
    [InlineData("C0644 3 ../evil\nabc\0")]
    [InlineData("C0644 3 a/b\nabc\0")]
    [InlineData("C0644 -3 a\nabc\0")]
    [InlineData("C9999 3 a\nabc\0")]
    [InlineData("C0644 3\nabc\0")]
    [InlineData("X\n")]
    [InlineData("D0755 0 d\nE\n")]
    public async Task Scp_refuses_what_no_client_sends(string input)
    {
        var (status, output, _) = await Run("scp", Encoding.ASCII.GetBytes(input), "-t", "/");
        Assert.Equal(1, status);
        Assert.Equal(1, output[1]);
        Assert.Empty((await _files.ListAsync(People.Anna, FilePath.Root, new ListRequest(), CancellationToken.None)).Entries);
    }

    [Fact(Timeout = 30_000)]
    public async Task Scp_does_not_publish_a_file_that_was_cut_off()
    {
        var (status, _, _) = await Run("scp", "C0644 300 a\nabc"u8.ToArray(), "-t", "/");
        Assert.Equal(1, status);
        Assert.Empty((await _files.ListAsync(People.Anna, FilePath.Root, new ListRequest(), CancellationToken.None)).Entries);
    }

    [Fact(Timeout = 30_000)]
    public async Task Scp_sends_what_matches_a_pattern()
    {
        await Put("/a.txt", "A"u8.ToArray());
        await Put("/b.txt", "B"u8.ToArray());
        await Put("/c.bin", "C"u8.ToArray());
        var (status, output, _) = await Run("scp", new byte[10], "-f", "/*.txt");
        Assert.Equal(0, status);
        Assert.Equal("C0644 1 a.txt\nA\0C0644 1 b.txt\nB\0", Encoding.ASCII.GetString(output));
    }

    [Theory]
    [InlineData("*", "abc", true)]
    [InlineData("*", ".hidden", false)]
    [InlineData(".*", ".hidden", true)]
    [InlineData("a*c", "abbbc", true)]
    [InlineData("a*c", "abbb", false)]
    [InlineData("?b?", "abc", true)]
    [InlineData("*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false)]
    [InlineData("", "", true)]
    public void Patterns_match_as_in_a_shell(string pattern, string name, bool expected) =>
        Assert.Equal(expected, ScpSource.Matches(Encoding.ASCII.GetBytes(pattern), Encoding.ASCII.GetBytes(name)));

    [Fact]
    public void Random_scp_lines_give_a_line_or_a_plain_error()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        for (var i = 0; i < 20_000; i++)
        {
            var line = new byte[random.Next(40)];
            random.NextBytes(line);
            if (line.Length > 0 && i % 2 == 0)
            {
                line[0] = "CDTE"u8[random.Next(4)];
            }

            var failure = Record.Exception(() => ScpLine.Parse(line));
            Assert.True(failure is null or FluxException, $"seed {seed}: {failure}");
        }
    }
}
