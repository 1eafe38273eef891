using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Testing;
using Fluxd.Testing.Store;
using Xunit;

namespace Fluxd.Tests.Transports.Sftp;

/// <summary>A shared folder's rights and quota as an SFTP client meets them, over the real store.</summary>
public sealed class SftpSharedFolderTests
{
    private const int TimeoutMs = 60_000;
    private const uint Ok = 0, PermissionDenied = 3, Failure = 4;
    private const long Folder = 77;

    [Fact(Timeout = TimeoutMs)]
    public async Task Who_may_only_read_a_folder_reads_and_changes_nothing()
    {
        await using var trees = new TestTrees();
        trees.Share(Folder, "Photos", People.Anna, FolderAccess.Write);
        await using var fixture = await SftpFixture.Start(trees.Files);
        var client = fixture.Client;
        await client.PutAsync("/Photos/a", [1, 2, 3]);
        await client.AskAsync(SftpTestClient.MkDir, "/Photos/sub", 0u);
        trees.Share(Folder, "Photos", People.Anna, FolderAccess.Read);

        Assert.Equal([1, 2, 3], await client.GetAsync("/Photos/a"));
        Assert.Equal(PermissionDenied, (await client.AskAsync(SftpTestClient.Open, "/Photos/b", 0x1Au, 0u)).Status);
        Assert.Equal(PermissionDenied, (await client.AskAsync(SftpTestClient.Open, "/Photos/a", 2u, 0u)).Status);
        Assert.Equal(PermissionDenied, (await client.AskAsync(SftpTestClient.Remove, "/Photos/a")).Status);
        Assert.Equal(PermissionDenied, (await client.AskAsync(SftpTestClient.Rename, "/Photos/a", "/Photos/b")).Status);
        Assert.Equal(PermissionDenied, (await client.AskAsync(SftpTestClient.Rename, "/Photos/a", "/mine")).Status);
        Assert.Equal(PermissionDenied, (await client.AskAsync(SftpTestClient.MkDir, "/Photos/new", 0u)).Status);
        Assert.Equal(PermissionDenied, (await client.AskAsync(SftpTestClient.RmDir, "/Photos/sub")).Status);
        Assert.Equal(PermissionDenied, (await client.AskAsync(SftpTestClient.Symlink, "a", "/Photos/link")).Status);
        Assert.Equal(PermissionDenied, (await client.AskAsync(SftpTestClient.SetStat, "/Photos/a", 4u, 0x1EDu)).Status);
        Assert.Equal([1, 2, 3], await client.GetAsync("/Photos/a"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_folders_quota_ends_a_write_with_words_and_leaves_the_home_alone()
    {
        await using var trees = new TestTrees();
        trees.Share(Folder, "Photos", People.Anna, FolderAccess.Write, quota: 100_000);
        await using var fixture = await SftpFixture.Start(trees.Files);
        var client = fixture.Client;
        var handle = await client.OpenAsync("/Photos/big", 0x1A);

        SftpAnswer? refused = null;
        for (var at = 0ul; at < 200_000 && refused is null; at += 20_000)
        {
            var answer = await client.AskAsync(SftpTestClient.Write, handle, at, new byte[20_000]);
            refused = answer.Status == Ok ? null : answer;
        }

        Assert.Equal(Failure, refused!.Status);
        refused.UInt32();
        Assert.Contains("Photos", refused.Text(), StringComparison.Ordinal);
        await client.PutAsync("/home", new byte[150_000]);
        Assert.Equal(150_000, (await client.GetAsync("/home")).Length);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_right_withdrawn_in_mid_upload_ends_it_unpublished()
    {
        await using var trees = new TestTrees();
        trees.Share(Folder, "Photos", People.Anna, FolderAccess.Write);
        trees.Share(Folder, "Photos", People.Bert, FolderAccess.Write);
        await using var fixture = await SftpFixture.Start(trees.Files);
        var client = fixture.Client;
        var handle = await client.OpenAsync("/Photos/a", 0x1A);
        Assert.Equal(Ok, await client.WriteAsync(handle, 0, new byte[5000]));

        trees.Share(Folder, "Photos", People.Anna, FolderAccess.Read);

        Assert.Equal(PermissionDenied, await client.CloseAsync(handle));
        var missing = await Assert.ThrowsAsync<FluxException>(() => trees.Files.StatAsync(People.Bert, FilePath.Parse("/Photos/a"), followLink: true, CancellationToken.None).AsTask());
        Assert.Equal(FluxError.NotFound, missing.Error);
    }
}
