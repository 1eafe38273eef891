using Fluxd.Core.Files;
using Fluxd.Testing;
using Xunit;
using static Fluxd.Testing.SftpTestClient;

namespace Fluxd.Tests.Transports.Sftp;

public sealed class SftpConversationTests
{
    [Fact(Timeout = 30_000)]
    public async Task Requests_sent_without_waiting_see_each_other_in_order()
    {
        await using var f = await SftpFixture.Start();
        var ids = new List<uint>
        {
            await f.Client.SendAsync(MkDir, "/d", 0u),
            await f.Client.SendAsync(Rename, "/d", "/e"),
            await f.Client.SendAsync(MkDir, "/e/f", 0u),
            await f.Client.SendAsync(Stat, "/e/f"),
            await f.Client.SendAsync(RmDir, "/e/f"),
            await f.Client.SendAsync(RmDir, "/e"),
            await f.Client.SendAsync(Stat, "/e"),
        };
        var answers = new Dictionary<uint, SftpAnswer>();
        foreach (var _ in ids)
        {
            var answer = await f.Client.ReceiveAsync();
            answers[answer.Id] = answer;
        }

        Assert.Equal([0u, 0u, 0u, 0xFFFFu, 0u, 0u, 2u], ids.Select(id => answers[id].Status));
    }

    [Fact(Timeout = 30_000)]
    public async Task Five_hundred_writes_in_flight_arrive_whole()
    {
        await using var f = await SftpFixture.Start();
        var data = new byte[500 * 8192];
        new Random(5).NextBytes(data);
        var handle = await f.Client.OpenAsync("/big", 0x1A);
        var sending = Task.Run(async () =>
        {
            for (var i = 0; i < 500; i++)
            {
                await f.Client.SendAsync(Write, handle, (ulong)(i * 8192), data[(i * 8192)..((i + 1) * 8192)]);
            }
        });
        for (var i = 0; i < 500; i++)
        {
            Assert.Equal(0u, (await f.Client.ReceiveAsync()).Status);
        }

        await sending;
        Assert.Equal(0u, await f.Client.CloseAsync(handle));
        Assert.Equal(data, await f.Client.GetAsync("/big"));
    }

    [Fact(Timeout = 60_000)]
    public async Task A_stop_ends_a_session_that_has_nothing_open_and_is_quiet_for_a_moment()
    {
        var clock = new ManualTime();
        await using var f = await SftpFixture.Start(clock: clock);
        var handle = await f.Client.OpenAsync("/a", 0x1A);
        await f.Draining.CancelAsync();
        clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(0u, await f.Client.WriteAsync(handle, 0, [1, 2, 3]));
        clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(0u, await f.Client.CloseAsync(handle));
        Assert.Equal(0u, (await f.Client.AskAsync(Rename, "/a", "/b")).Status);
        while (!f.Session.IsCompleted)
        {
            clock.Advance(TimeSpan.FromSeconds(2));
            await Task.Yield();
        }
    }

    [Fact(Timeout = 30_000)]
    public async Task A_dropped_connection_publishes_nothing_and_the_owner_can_go_on()
    {
        var files = new MemoryFiles();
        await using (var first = await SftpFixture.Start(files))
        {
            var handle = await first.Client.OpenAsync("/movie", 0x1A);
            await first.Client.WriteAsync(handle, 0, new byte[1000]);
        }

        await Assert.ThrowsAsync<Fluxd.Core.FluxException>(async () => await files.StatAsync(People.Anna, FilePath.Parse("/movie"), true, CancellationToken.None));
        await using var second = await SftpFixture.Start(files);
        Assert.Equal(1000ul, (await second.Client.AskAsync(Stat, "/movie")).Attributes().Size);
        var resumed = await second.Client.OpenAsync("/movie", 0xA);
        Assert.Equal(0u, await second.Client.WriteAsync(resumed, 1000, new byte[24]));
        Assert.Equal(0u, await second.Client.CloseAsync(resumed));
        Assert.Equal(1024, (await files.StatAsync(People.Anna, FilePath.Parse("/movie"), true, CancellationToken.None)).Size);
    }

    [Fact(Timeout = 30_000)]
    public async Task A_withdrawn_account_ends_the_session_at_the_next_request()
    {
        await using var f = await SftpFixture.Start();
        f.Authenticator.Valid = false;
        await f.Client.SendAsync(Stat, "/");
        await Assert.ThrowsAsync<EndOfStreamException>(f.Client.ReceiveAsync);
    }

    [Theory(Timeout = 30_000)]
    [InlineData(new byte[] { 0, 0, 0, 0 })]
    [InlineData(new byte[] { 0xff, 0xff, 0xff, 0xff })]
    [InlineData(new byte[] { 0, 4, 0, 1, 5 })]
    [InlineData(new byte[] { 0, 0, 0, 5, 5, 0, 0, 0, 1 })]
    public async Task What_can_not_be_a_packet_ends_the_channel(byte[] bytes)
    {
        await using var f = await SftpFixture.Start();
        await f.Client.SendBytesAsync(bytes);
        await Assert.ThrowsAsync<EndOfStreamException>(f.Client.ReceiveAsync);
    }

    [Fact(Timeout = 30_000)]
    public async Task A_request_before_init_ends_the_channel()
    {
        await using var f = new SftpFixture();
        await f.Client.SendAsync(Stat, "/");
        await Assert.ThrowsAsync<EndOfStreamException>(f.Client.ReceiveAsync);
    }

    [Fact(Timeout = 60_000)]
    public async Task Random_and_mutated_packets_cost_at_most_their_own_channel()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        var files = new MemoryFiles();
        for (var round = 0; round < 300; round++)
        {
            var f = await SftpFixture.Start(files);
            for (var i = 0; i < 20; i++)
            {
                await f.Client.SendRawAsync(Garbage(random));
            }

            var failure = await Record.ExceptionAsync(async () => await f.DisposeAsync());
            Assert.True(failure is null, $"seed {seed}, round {round}: {failure}");
        }
    }

    private static byte[] Garbage(Random random)
    {
        byte[] types = [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 200, (byte)random.Next(256)];
        object[] parts = [1u, (uint)random.Next(), "/a", 0ul, (byte[])[0, 0, 0, 1], "statvfs@openssh.com", ulong.MaxValue, "check-file-name", "/b"];
        random.Shuffle(parts);
        byte[] packet = [types[random.Next(types.Length)], .. SftpBytes.Body(7u), .. SftpBytes.Body(parts[..random.Next(parts.Length)])];
        for (var flips = random.Next(3); flips > 0; flips--)
        {
            packet[random.Next(packet.Length)] = (byte)random.Next(256);
        }

        return packet[..random.Next(1, packet.Length + 1)];
    }
}
