using Fluxd.Core.Files;
using Fluxd.Testing;
using Xunit;
using static Fluxd.Testing.SftpTestClient;

namespace Fluxd.Tests.Transports.Sftp;

/// <summary>The codes that OpenSSH's server gives, request by request.</summary>
public sealed class SftpStatusTests
{
    private const uint Ok = 0, Eof = 1, NoSuchFile = 2, Failure = 4, BadMessage = 5, Unsupported = 8;
    private static readonly byte[] NoHandle = [0, 0, 0, 99];

    private static async Task<SftpFixture> WithTree()
    {
        var fixture = await SftpFixture.Start();
        await fixture.Client.PutAsync("/file", "hello"u8.ToArray());
        await fixture.Client.PutAsync("/other", "other"u8.ToArray());
        await fixture.Client.AskAsync(MkDir, "/dir", 0u);
        await fixture.Client.PutAsync("/dir/inner", "x"u8.ToArray());
        await fixture.Client.AskAsync(MkDir, "/empty", 0u);
        await fixture.Client.AskAsync(Symlink, "b", "/a");
        await fixture.Client.AskAsync(Symlink, "a", "/b");
        return fixture;
    }

    [Fact(Timeout = 30_000)]
    public async Task Init_of_any_version_is_answered_with_3_and_the_extensions()
    {
        await using var fixture = new SftpFixture();
        await fixture.Client.SendRawAsync([1, .. SftpBytes.Body(6u)]);
        var answer = await fixture.Client.ReceiveAsync();
        Assert.Equal(2, answer.Type);
        Assert.Equal(3u, answer.Id);
        var names = new List<string>();
        while (answer.Remaining > 0)
        {
            names.Add(answer.Text());
            answer.Text();
        }

        Assert.Contains("posix-rename@openssh.com", names);
        Assert.Contains("limits@openssh.com", names);
        Assert.Equal(12, names.Count);
    }

    [Fact(Timeout = 30_000)]
    public async Task Opening()
    {
        await using var f = await WithTree();
        Assert.Equal(NoSuchFile, (await f.Client.AskAsync(Open, "/missing", 1u, 0u)).Status);
        Assert.Equal(Failure, (await f.Client.AskAsync(Open, "/file", 0x2Au, 0u)).Status);
        Assert.Equal(Failure, (await f.Client.AskAsync(Open, "/dir", 2u, 0u)).Status);
        Assert.Equal(NoSuchFile, (await f.Client.AskAsync(Open, "/missing/x", 0x1Au, 0u)).Status);
        Assert.Equal(NoSuchFile, (await f.Client.AskAsync(Open, "/file/x", 1u, 0u)).Status);
        Assert.Equal(NoSuchFile, (await f.Client.AskAsync(Open, "/a", 1u, 0u)).Status);
        Assert.Equal(BadMessage, (await f.Client.AskAsync(Open, new string('n', 256), 0x1Au, 0u)).Status);
    }

    [Fact(Timeout = 30_000)]
    public async Task Reading()
    {
        await using var f = await WithTree();
        var handle = await f.Client.OpenAsync("/file", 1);
        Assert.Equal("hello"u8.ToArray(), (await f.Client.AskAsync(Read, handle, 0ul, 300_000u)).Bytes());
        Assert.Equal(Eof, (await f.Client.AskAsync(Read, handle, 5ul, 10u)).Status);
        Assert.Equal(Eof, (await f.Client.AskAsync(Read, handle, 5000ul, 10u)).Status);
        Assert.Equal(Failure, (await f.Client.AskAsync(Read, NoHandle, 0ul, 10u)).Status);
        Assert.Equal(Ok, await f.Client.CloseAsync(handle));
        Assert.Equal(Failure, (await f.Client.AskAsync(Read, handle, 0ul, 10u)).Status);
        Assert.NotEqual(Ok, await f.Client.CloseAsync(handle));
        var folder = (await f.Client.AskAsync(OpenDir, "/dir")).Bytes();
        Assert.Equal(Failure, (await f.Client.AskAsync(Read, folder, 0ul, 10u)).Status);
        Assert.Equal(Failure, await f.Client.WriteAsync(NoHandle, 0, [1]));
    }

    [Fact(Timeout = 30_000)]
    public async Task Listing()
    {
        await using var f = await WithTree();
        var folder = (await f.Client.AskAsync(OpenDir, "/")).Bytes();
        var answer = await f.Client.AskAsync(ReadDir, folder);
        var count = answer.UInt32();
        var names = new List<string>();
        for (var i = 0; i < count; i++)
        {
            names.Add(answer.Text());
            answer.Text();
            answer.Attributes();
        }

        Assert.Equal([".", "..", "a", "b", "dir", "empty", "file", "other"], names);
        Assert.Equal(Eof, (await f.Client.AskAsync(ReadDir, folder)).Status);
        Assert.Equal(Eof, (await f.Client.AskAsync(ReadDir, folder)).Status);
        Assert.Equal(NoSuchFile, (await f.Client.AskAsync(OpenDir, "/file")).Status);
    }

    [Fact(Timeout = 30_000)]
    public async Task A_folder_of_1000_entries_comes_in_pages_without_loss()
    {
        await using var f = await SftpFixture.Start();
        for (var i = 0; i < 1000; i++)
        {
            await f.Files.MakeFolderAsync(People.Anna, FilePath.Parse($"/d{i:0000}"), null, false, CancellationToken.None);
        }

        var folder = (await f.Client.AskAsync(OpenDir, "/")).Bytes();
        var names = new List<string>();
        while (await f.Client.AskAsync(ReadDir, folder) is { Type: 104 } answer)
        {
            for (var left = answer.UInt32(); left > 0; left--)
            {
                names.Add(answer.Text());
                answer.Text();
                answer.Attributes();
            }
        }

        Assert.Equal(1002, names.Count);
        Assert.Equal(names.Count, names.Distinct().Count());
    }

    [Theory(Timeout = 30_000)]
    [InlineData(Stat)]
    [InlineData(LStat)]
    [InlineData(ReadLink)]
    [InlineData(OpenDir)]
    [InlineData(Remove)]
    [InlineData(RmDir)]
    public async Task What_is_missing_is_no_such_file(byte type)
    {
        await using var f = await WithTree();
        Assert.Equal(NoSuchFile, (await f.Client.AskAsync(type, "/missing")).Status);
        Assert.Equal(NoSuchFile, (await f.Client.AskAsync(type, "/missing/deeper")).Status);
    }

    [Fact(Timeout = 30_000)]
    public async Task Real_paths()
    {
        await using var f = await WithTree();
        Assert.Equal("/", await RealPathOf(f, ""));
        Assert.Equal("/", await RealPathOf(f, "."));
        Assert.Equal("/", await RealPathOf(f, "/.."));
        Assert.Equal("/dir/new", await RealPathOf(f, "dir/./sub/../new"));
        Assert.Equal(NoSuchFile, (await f.Client.AskAsync(RealPath, "/missing/new")).Status);
    }

    private static async Task<string> RealPathOf(SftpFixture f, string path)
    {
        var answer = await f.Client.AskAsync(RealPath, path);
        Assert.Equal(104, answer.Type);
        Assert.Equal(1u, answer.UInt32());
        return answer.Text();
    }

    [Fact(Timeout = 30_000)]
    public async Task Removing_and_making()
    {
        await using var f = await WithTree();
        Assert.Equal(Failure, (await f.Client.AskAsync(Remove, "/dir")).Status);
        Assert.Equal(Failure, (await f.Client.AskAsync(MkDir, "/dir", 0u)).Status);
        Assert.Equal(Failure, (await f.Client.AskAsync(MkDir, "/file", 0u)).Status);
        Assert.Equal(Failure, (await f.Client.AskAsync(RmDir, "/dir")).Status);
        Assert.Equal(NoSuchFile, (await f.Client.AskAsync(RmDir, "/file")).Status);
        Assert.Equal(Ok, (await f.Client.AskAsync(RmDir, "/empty")).Status);
        Assert.Equal(Ok, (await f.Client.AskAsync(Remove, "/a")).Status);
    }

    [Fact(Timeout = 30_000)]
    public async Task Renaming()
    {
        await using var f = await WithTree();
        Assert.Equal(Failure, (await f.Client.AskAsync(Rename, "/file", "/other")).Status);
        Assert.Equal("hello"u8.ToArray(), await f.Client.GetAsync("/file"));
        Assert.Equal("other"u8.ToArray(), await f.Client.GetAsync("/other"));
        Assert.Equal(NoSuchFile, (await f.Client.AskAsync(Rename, "/missing", "/new")).Status);
        Assert.Contains((await f.Client.AskAsync(Rename, "/dir", "/dir/sub")).Status, new[] { Failure, BadMessage });
        Assert.Equal(Ok, (await f.Client.AskAsync(Extended, "posix-rename@openssh.com", "/file", "/other")).Status);
        Assert.Equal("hello"u8.ToArray(), await f.Client.GetAsync("/other"));
        Assert.Equal(Failure, (await f.Client.AskAsync(Extended, "posix-rename@openssh.com", "/empty", "/dir")).Status);
    }

    [Fact(Timeout = 30_000)]
    public async Task Links()
    {
        await using var f = await WithTree();
        Assert.Equal(BadMessage, (await f.Client.AskAsync(ReadLink, "/file")).Status);
        Assert.Equal(Failure, (await f.Client.AskAsync(Symlink, "target", "/file")).Status);
        Assert.Equal(NoSuchFile, (await f.Client.AskAsync(Stat, "/a")).Status);
        var answer = await f.Client.AskAsync(ReadLink, "/a");
        Assert.Equal(1u, answer.UInt32());
        Assert.Equal("b", answer.Text());
    }

    [Theory(Timeout = 30_000)]
    [InlineData("SSH-2.0-OpenSSH_9.2p1", "target", "/link")]
    [InlineData("SSH-2.0-paramiko_2.12", "target", "/link")]
    [InlineData("SSH-2.0-AsyncSSH_2.10.1", "/link", "target")]
    [InlineData("SSH-2.0-libssh_0.10.6", "/link", "target")]
    [InlineData("SSH-2.0-libssh2_1.10.0", "target", "/link")]
    [InlineData("SSH-2.0-WinSCP_release_6.1", "/link", "target")]
    public async Task The_order_of_a_symlinks_arguments_follows_the_client(string version, string first, string second)
    {
        await using var f = await SftpFixture.Start(clientVersion: version);
        Assert.Equal(Ok, (await f.Client.AskAsync(Symlink, first, second)).Status);
        var answer = await f.Client.AskAsync(ReadLink, "/link");
        Assert.Equal(1u, answer.UInt32());
        Assert.Equal("target", answer.Text());
    }

    [Fact(Timeout = 30_000)]
    public async Task Unknown_requests_and_extensions_are_answered()
    {
        await using var f = await WithTree();
        Assert.Equal(Unsupported, (await f.Client.AskAsync(77)).Status);
        Assert.Equal(Unsupported, (await f.Client.AskAsync(Extended, "nobody@knows")).Status);
    }

    [Fact(Timeout = 30_000)]
    public async Task Attributes_are_kept_also_beyond_2038_and_before_a_close()
    {
        await using var f = await WithTree();
        var handle = await f.Client.OpenAsync("/timed", 0x1A);
        await f.Client.WriteAsync(handle, 0, [1, 2, 3]);
        Assert.Equal(Ok, (await f.Client.AskAsync(FSetStat, handle, 0xFu, 2ul, 1000u, 1000u, 0x1C0u, 3_000_000_000u, 3_000_000_001u)).Status);
        Assert.Equal(Ok, await f.Client.CloseAsync(handle));
        var (size, mode, modified) = (await f.Client.AskAsync(Stat, "/timed")).Attributes();
        Assert.Equal(2ul, size);
        Assert.Equal(0x81C0u, mode);
        Assert.Equal(3_000_000_001u, modified);
    }

    [Fact(Timeout = 30_000)]
    public async Task Append_ignores_offsets_and_write_without_truncate_keeps_bytes()
    {
        await using var f = await WithTree();
        var append = await f.Client.OpenAsync("/file", 0x6);
        Assert.Equal(Ok, await f.Client.WriteAsync(append, 0, "!"u8.ToArray()));
        await f.Client.CloseAsync(append);
        Assert.Equal("hello!"u8.ToArray(), await f.Client.GetAsync("/file"));
        var write = await f.Client.OpenAsync("/file", 0x2);
        Assert.Equal(Ok, await f.Client.WriteAsync(write, 1, "E"u8.ToArray()));
        await f.Client.CloseAsync(write);
        Assert.Equal("hEllo!"u8.ToArray(), await f.Client.GetAsync("/file"));
    }

    [Fact(Timeout = 30_000)]
    public async Task Reading_back_what_one_writes_through_one_handle()
    {
        await using var f = await WithTree();
        var handle = await f.Client.OpenAsync("/rw", 0x1B);
        Assert.Equal(Ok, await f.Client.WriteAsync(handle, 3, "def"u8.ToArray()));
        Assert.Equal(Ok, await f.Client.WriteAsync(handle, 0, "abc"u8.ToArray()));
        Assert.Equal("abcdef"u8.ToArray(), (await f.Client.AskAsync(Read, handle, 0ul, 100u)).Bytes());
        Assert.Equal(6ul, (await f.Client.AskAsync(FStat, handle)).Attributes().Size);
    }

    [Fact(Timeout = 30_000)]
    public async Task A_handle_survives_rename_and_unlink()
    {
        await using var f = await WithTree();
        var handle = await f.Client.OpenAsync("/file", 1);
        await f.Client.AskAsync(Rename, "/file", "/moved");
        Assert.Equal("hello"u8.ToArray(), (await f.Client.AskAsync(Read, handle, 0ul, 100u)).Bytes());
        await f.Client.AskAsync(Remove, "/moved");
        Assert.Equal("hello"u8.ToArray(), (await f.Client.AskAsync(Read, handle, 0ul, 100u)).Bytes());
    }

    [Fact(Timeout = 30_000)]
    public async Task A_quota_is_a_failure_with_words()
    {
        await using var f = await SftpFixture.Start(new MemoryFiles { QuotaBytes = 10 });
        var handle = await f.Client.OpenAsync("/big", 0x1A);
        var answer = await f.Client.AskAsync(Write, handle, 0ul, new byte[11]);
        Assert.Equal(Failure, answer.UInt32());
        Assert.Contains("quota", answer.Text(), StringComparison.Ordinal);
    }
}
