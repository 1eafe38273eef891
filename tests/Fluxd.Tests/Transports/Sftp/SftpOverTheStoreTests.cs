using System.Security.Cryptography;
using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Testing;
using Fluxd.Testing.Store;
using Xunit;

namespace Fluxd.Tests.Transports.Sftp;

/// <summary>What an SFTP client sees of the store's past, and what others see of an upload that it did not finish.</summary>
public sealed class SftpOverTheStoreTests
{
    private const int TimeoutMs = 60_000;
    private const uint Ok = 0, PermissionDenied = 3;

    [Fact(Timeout = TimeoutMs)]
    public async Task Snapshots_are_folders_that_can_be_read_and_not_changed()
    {
        var clock = new ManualTime(new DateTimeOffset(2026, 3, 1, 10, 30, 0, TimeSpan.Zero));
        await using var trees = new TestTrees(clock);
        await using var fixture = await SftpFixture.Start(trees.Files);
        var client = fixture.Client;
        await client.PutAsync("/a", "one"u8.ToArray());
        clock.Advance(TimeSpan.FromHours(1));
        await client.PutAsync("/a", "two"u8.ToArray());
        const string Then = "/.snapshots/2026-03-01T11-00-00Z";

        Assert.Equal("one"u8.ToArray(), await client.GetAsync(Then + "/a"));
        Assert.Equal("two"u8.ToArray(), await client.GetAsync("/a"));
        Assert.Equal(PermissionDenied, (await client.AskAsync(SftpTestClient.Open, Then + "/b", 0x1Au, 0u)).Status);
        Assert.Equal(PermissionDenied, (await client.AskAsync(SftpTestClient.Open, Then + "/a", 2u, 0u)).Status);
        Assert.Equal(PermissionDenied, (await client.AskAsync(SftpTestClient.Remove, Then + "/a")).Status);
        Assert.Equal(PermissionDenied, (await client.AskAsync(SftpTestClient.Rename, Then + "/a", "/b")).Status);
        Assert.Equal(PermissionDenied, (await client.AskAsync(SftpTestClient.SetStat, Then + "/a", 4u, 0x1EDu)).Status);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task An_upload_that_was_cut_off_is_a_session_that_others_list_and_finish()
    {
        var bytes = RandomNumberGenerator.GetBytes(6_000_000);
        await using var trees = new TestTrees();
        await using (var cut = await SftpFixture.Start(trees.Files))
        {
            var handle = await cut.Client.OpenAsync("/movie", 0x1A);
            for (var at = 0; at < 5_000_000; at += 100_000)
            {
                Assert.Equal(Ok, await cut.Client.WriteAsync(handle, (ulong)at, bytes[at..(at + 100_000)]));
            }
        }

        var session = Assert.Single((await trees.Uploads.ListAsync(People.Anna, null, 10, CancellationToken.None)).Entries);
        Assert.Equal(("/movie", "sftp"), (session.Target.ToString(), session.Frontend));
        Assert.Equal(5_000_000, session.DurableOffset);
        Assert.Equal(FluxError.NotFound, (await Assert.ThrowsAsync<FluxException>(() => StatAsync())).Error);
        await using (var writer = await trees.Uploads.OpenAsync(People.Anna, session.Id, CancellationToken.None))
        {
            await writer.WriteAsync(bytes.AsMemory((int)writer.Offset), CancellationToken.None);
            await writer.FlushAsync(CancellationToken.None);
        }

        await trees.Uploads.CompleteAsync(People.Anna, session.Id, CancellationToken.None);
        Assert.Equal(bytes.Length, (await StatAsync()).Size);
        await using var after = await SftpFixture.Start(trees.Files);
        Assert.Equal(bytes, await after.Client.GetAsync("/movie"));

        async Task<NodeInfo> StatAsync() => await trees.Files.StatAsync(People.Anna, FilePath.Parse("/movie"), followLink: true, CancellationToken.None);
    }
}
