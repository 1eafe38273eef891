using Fluxd.Testing;
using Fluxd.Testing.Disk;
using Fluxd.Testing.Store;
using Xunit;

namespace Fluxd.Tests.Transports.Sftp;

/// <summary>What OK means, over the real store on a disk whose syncs the test holds back.</summary>
public sealed class SftpDurabilityTests
{
    private const int TimeoutMs = 120_000;
    private const uint OpUnsupported = 8;

    public static TheoryData<int> Sizes() => [1, 5000, 3_000_000];

    [Theory(Timeout = TimeoutMs)]
    [MemberData(nameof(Sizes))]
    public Task Close_is_answered_when_the_disk_has_synced_and_not_before(int size) =>
        HoldSync(size, (client, handle) => client.SendAsync(SftpTestClient.Close, handle));

    [Theory(Timeout = TimeoutMs)]
    [MemberData(nameof(Sizes))]
    public Task Fsync_is_answered_when_the_disk_has_synced_and_not_before(int size) =>
        HoldSync(size, (client, handle) => client.SendAsync(SftpTestClient.Extended, "fsync@openssh.com", handle));

    private static async Task HoldSync(int size, Func<SftpTestClient, byte[], Task<uint>> commit)
    {
        using var gate = new ManualResetEventSlim(true);
        var held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var trees = new TestTrees(wrap: disk => new FaultyDisk(disk)
        {
            Plan = (_, operation, _) =>
            {
                if (operation == DiskOperation.Sync && !gate.IsSet)
                {
                    held.TrySetResult();
                    gate.Wait();
                }

                return null;
            },
        });
        await using var fixture = await SftpFixture.Start(trees.Files);
        var client = fixture.Client;
        var handle = await client.OpenAsync("/file", 0x1A);
        for (var at = 0; at < size; at += 32768)
        {
            Assert.Equal(0u, await client.WriteAsync(handle, (ulong)at, new byte[Math.Min(32768, size - at)]));
        }

        gate.Reset();
        try
        {
            var request = await commit(client, handle);
            await held.Task.WaitAsync(TimeSpan.FromSeconds(60));

            // The disk has not answered. These are, in order; an answer sent too early would stand before them.
            for (var i = 0; i < 20; i++)
            {
                Assert.Equal(OpUnsupported, (await client.AskAsync(SftpTestClient.Extended, "no-such@fluxd")).Status);
            }

            gate.Set();
            var answer = await client.ReceiveAsync();
            Assert.Equal((request, 0u), (answer.Id, answer.Status));
        }
        finally
        {
            gate.Set();
        }
    }
}
