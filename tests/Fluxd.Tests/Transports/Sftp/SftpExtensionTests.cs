using System.Security.Cryptography;
using Fluxd.Testing;
using Xunit;
using static Fluxd.Testing.SftpTestClient;

namespace Fluxd.Tests.Transports.Sftp;

public sealed class SftpExtensionTests
{
    private static readonly byte[] Content = RandomNumberGenerator.GetBytes(100_000);

    private static async Task<SftpFixture> WithFile()
    {
        var fixture = await SftpFixture.Start();
        await fixture.Client.PutAsync("/file", Content);
        return fixture;
    }

    [Fact(Timeout = 30_000)]
    public async Task Statvfs_shows_the_quota()
    {
        await using var f = await SftpFixture.Start(new MemoryFiles { QuotaBytes = 4096 * 1000 });
        await f.Client.PutAsync("/file", new byte[4096 * 10]);
        var answer = await f.Client.AskAsync(Extended, "statvfs@openssh.com", "/");
        Assert.Equal(4096ul, answer.UInt64());
        answer.UInt64();
        Assert.Equal(1000ul, answer.UInt64());
        Assert.Equal(990ul, answer.UInt64());
        Assert.Equal(2u, (await f.Client.AskAsync(Extended, "statvfs@openssh.com", "/missing")).Status);
    }

    [Fact(Timeout = 30_000)]
    public async Task Fstatvfs_answers_as_statvfs_does()
    {
        await using var f = await WithFile();
        var handle = await f.Client.OpenAsync("/file", 1);
        var byPath = await f.Client.AskAsync(Extended, "statvfs@openssh.com", "/file");
        var byHandle = await f.Client.AskAsync(Extended, "fstatvfs@openssh.com", handle);
        Assert.Equal(201, byHandle.Type);
        Assert.Equal(Enumerable.Range(0, 11).Select(_ => byPath.UInt64()), Enumerable.Range(0, 11).Select(_ => byHandle.UInt64()));
    }

    [Fact(Timeout = 30_000)]
    public async Task Lsetstat_sets_the_time_of_a_link_and_not_of_its_file()
    {
        await using var f = await WithFile();
        await f.Client.AskAsync(Symlink, "file", "/link");
        var before = (await f.Client.AskAsync(Stat, "/file")).Attributes().ModifiedAt;

        Assert.Equal(0u, (await f.Client.AskAsync(Extended, "lsetstat@openssh.com", "/link", 8u, 1000u, 1001u)).Status);

        Assert.Equal(1001u, (await f.Client.AskAsync(LStat, "/link")).Attributes().ModifiedAt);
        Assert.Equal(before, (await f.Client.AskAsync(Stat, "/file")).Attributes().ModifiedAt);
    }

    [Fact(Timeout = 30_000)]
    public async Task A_home_is_the_root_and_nobody_elses_is_told()
    {
        await using var f = await WithFile();
        foreach (var user in new[] { "", "anna" })
        {
            var answer = await f.Client.AskAsync(Extended, "home-directory", user);
            Assert.Equal(1u, answer.UInt32());
            Assert.Equal("/", answer.Text());
        }

        Assert.Equal(2u, (await f.Client.AskAsync(Extended, "home-directory", "bert")).Status);
    }

    [Fact(Timeout = 30_000)]
    public async Task Limits_are_those_of_openssh()
    {
        await using var f = await WithFile();
        var answer = await f.Client.AskAsync(Extended, "limits@openssh.com");
        Assert.Equal([262144ul, 261120ul, 261120ul], new[] { answer.UInt64(), answer.UInt64(), answer.UInt64() });
    }

    [Fact(Timeout = 30_000)]
    public async Task Copy_data_copies_a_range_and_to_the_end()
    {
        await using var f = await WithFile();
        var from = await f.Client.OpenAsync("/file", 1);
        var to = await f.Client.OpenAsync("/copy", 0x1B);
        Assert.Equal(0u, (await f.Client.AskAsync(Extended, "copy-data", from, 10ul, 500ul, to, 0ul)).Status);
        Assert.Equal(0u, (await f.Client.AskAsync(Extended, "copy-data", from, 510ul, 0ul, to, 500ul)).Status);
        Assert.Equal(0u, await f.Client.CloseAsync(to));
        Assert.Equal(Content[10..], await f.Client.GetAsync("/copy"));
    }

    [Fact(Timeout = 30_000)]
    public async Task A_hard_link_is_a_copy()
    {
        await using var f = await WithFile();
        Assert.Equal(0u, (await f.Client.AskAsync(Extended, "hardlink@openssh.com", "/file", "/link")).Status);
        Assert.Equal(Content, await f.Client.GetAsync("/link"));
        Assert.Equal(4u, (await f.Client.AskAsync(Extended, "hardlink@openssh.com", "/file", "/link")).Status);
    }

    [Fact(Timeout = 30_000)]
    public async Task Hardlink_takes_a_link_as_it_is_and_no_folder()
    {
        await using var f = await SftpFixture.Start();
        await f.Client.AskAsync(MkDir, "/folder", 0u);
        await f.Client.AskAsync(Symlink, "folder", "/link");

        Assert.Equal(3u, (await f.Client.AskAsync(Extended, "hardlink@openssh.com", "/folder", "/other")).Status);
        Assert.Equal(0u, (await f.Client.AskAsync(Extended, "hardlink@openssh.com", "/link", "/second")).Status);

        Assert.Equal(2u, (await f.Client.AskAsync(LStat, "/other")).Status);
        var second = await f.Client.AskAsync(ReadLink, "/second");
        Assert.Equal(1u, second.UInt32());
        Assert.Equal("folder", second.Text());
    }

    [Fact(Timeout = 30_000)]
    public async Task Paths_with_a_tilde_are_expanded()
    {
        await using var f = await WithFile();
        foreach (var (asked, expected) in new[] { ("~", "/"), ("~/file", "/file"), ("~anna/file", "/file"), ("file", "/file") })
        {
            var answer = await f.Client.AskAsync(Extended, "expand-path@openssh.com", asked);
            Assert.Equal(1u, answer.UInt32());
            Assert.Equal(expected, answer.Text());
        }

        Assert.Equal(2u, (await f.Client.AskAsync(Extended, "expand-path@openssh.com", "~bert/x")).Status);
    }

    [Fact(Timeout = 30_000)]
    public async Task Owners_have_names_once_they_were_listed()
    {
        await using var f = await WithFile();
        await f.Client.AskAsync(Stat, "/file");
        var answer = await f.Client.AskAsync(Extended, "users-groups-by-id@openssh.com", SftpBytes.Body(101u, 7u), SftpBytes.Body(101u));
        Assert.Equal(SftpBytes.Body("anna", ""), answer.Bytes());
        Assert.Equal(SftpBytes.Body("anna"), answer.Bytes());
    }

    [Theory(Timeout = 30_000)]
    [InlineData("md5")]
    [InlineData("sha1")]
    [InlineData("sha256")]
    [InlineData("sha512")]
    public async Task Files_are_hashed_where_they_are(string algorithm)
    {
        await using var f = await WithFile();
        var whole = await f.Client.AskAsync(Extended, "check-file-name", "/file", "crc32," + algorithm, 0ul, 0ul, 0u);
        Assert.Equal("check-file", whole.Text());
        Assert.Equal(algorithm, whole.Text());
        var expected = CryptographicOperations.HashData(new HashAlgorithmName(algorithm.ToUpperInvariant()), Content);
        Assert.Equal(expected.Length, whole.Remaining);

        var handle = await f.Client.OpenAsync("/file", 1);
        var blocks = await f.Client.AskAsync(Extended, "check-file-handle", handle, algorithm, 0ul, 0ul, 1000u);
        Assert.Equal(algorithm, (blocks.Text(), blocks.Text()).Item2);
        Assert.Equal(100 * expected.Length, blocks.Remaining);
        Assert.Equal(4u, (await f.Client.AskAsync(Extended, "check-file-name", "/file", "crc32", 0ul, 0ul, 0u)).Status);
    }
}
