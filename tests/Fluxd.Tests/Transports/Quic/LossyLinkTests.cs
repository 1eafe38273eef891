using System.Security.Cryptography;
using Fluxd.Testing.Quic;
using Fluxd.Transports.Quic;
using Fluxd.Transports.Quic.Engine;
using Xunit;
using Xunit.Abstractions;

namespace Fluxd.Tests.Transports.Quic;

public sealed class LossyLinkTests(ITestOutputHelper output)
{
    [QuicFact]
    public Task A_transfer_survives_five_percent_loss_and_reordering() => Transfer(
        new LinkConditions { Delay = TimeSpan.FromMilliseconds(10), Jitter = TimeSpan.FromMilliseconds(5), Loss = 0.05 }, 4_000_000, (_, _, _) => Task.CompletedTask);

    [QuicFact]
    public Task A_transfer_survives_an_outage() => Transfer(Slow, 3_000_000, async (link, _, _) =>
    {
        link.IsDown = true;
        await Task.Delay(TimeSpan.FromSeconds(3));
        link.IsDown = false;
    });

    [QuicFact]
    public Task A_download_survives_a_NAT_that_forgets() => Transfer(Slow, 3_000_000, (link, _, _) =>
    {
        link.Rebind();
        return Task.CompletedTask;
    });

    [QuicFact]
    public Task A_download_survives_a_move_of_the_client() => Transfer(Slow, 3_000_000, (_, client, _) =>
    {
        client.Rebind();
        return Task.CompletedTask;
    });

    [QuicFact(Timeout = 120_000)]
    public Task A_sender_probes_when_it_hears_from_its_peer_again_and_not_at_the_end_of_its_doubled_pauses() => Transfer(Slow, 3_000_000, async (link, _, sender) =>
    {
        link.IsDeaf = true;
        while (sender.HurriedProbes < 1)
        {
            await Task.Delay(50);
        }

        link.IsDeaf = false;
    });

    /// <summary>
    /// Looks between rounds of the sender's loop: with bytes to send, room in the window and nothing to wait for, its
    /// timer must be due. One that stands later leaves the sender to be driven by acknowledgements, and losses shrink it for good.
    /// </summary>
    [QuicFact(Timeout = 120_000)]
    public async Task A_paced_sender_with_room_in_its_window_never_waits_for_a_packet_to_arrive()
    {
        const int RoomMin = 4 * QuicLimits.DatagramBytesMax;
        var conditions = new LinkConditions { Delay = TimeSpan.FromMilliseconds(20), Loss = 0.05, BytesPerSecond = 2_000_000 };
        var seed = Random.Shared.Next();
        output.WriteLine($"seed {seed}");
        await using var pair = new QuicPair();
        await using var link = new UdpForwarder(pair.Server.LocalEndPoint, conditions, seed);
        pair.ClientOptions = pair.ClientOptions with { LocalCongestion = QuicCongestion.Bbr };
        var (client, server) = await pair.Connect(through: link.EndPoint);
        var (mine, theirs) = await QuicPair.OpenStream(client, server);
        var data = RandomNumberGenerator.GetBytes(2_000_000);
        var sending = EngineTests.Send(mine, data);
        var receiving = theirs.Input!.ReadToEnd();
        var (looks, waits) = (0, 0);
        while (!receiving.IsCompleted)
        {
            var looked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            pair.Client.Post(() =>
            {
                var path = client.Measure();
                var hasRoom = client.Ready.Next is not null && path.CongestionWindow - path.BytesInFlight >= RoomMin;
                if (hasRoom && !client.IsDirty)
                {
                    looks++;
                    waits += !client.Pacer.IsWaiting(client.Now) && client.DueAt > QuicEndpoint.Now() ? 1 : 0; // in this order: time passes between them
                }

                looked.SetResult();
            });
            await looked.Task;
        }

        await sending;
        Assert.Equal(data, await receiving);
        output.WriteLine($"{looks} looks at a sender with room");
        Assert.True(looks > 0, "no look met a sender with room");
        Assert.Equal(0, waits);
    }

    private static LinkConditions Slow { get; } = new() { Delay = TimeSpan.FromMilliseconds(20), BytesPerSecond = 2_000_000 };

    /// <summary>Downloads, with <paramref name="event"/> once a third has arrived.</summary>
    private async Task Transfer(LinkConditions conditions, int size, Func<UdpForwarder, QuicEndpoint, QuicConnection, Task> @event)
    {
        var seed = Random.Shared.Next();
        output.WriteLine($"seed {seed}");
        await using var pair = new QuicPair();
        await using var link = new UdpForwarder(pair.Server.LocalEndPoint, conditions, seed);
        pair.ClientOptions = pair.ClientOptions with { KeepAlive = TimeSpan.FromSeconds(1) };
        var (client, server) = await pair.Connect(through: link.EndPoint);
        var (mine, theirs) = await QuicPair.OpenStream(client, server);
        var data = RandomNumberGenerator.GetBytes(size);
        var sending = EngineTests.Send(theirs, data);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var received = 0L;
        var happening = Task.CompletedTask;
        var happened = false;
        while (true)
        {
            var read = await mine.Input!.ReadAsync();
            foreach (var segment in read.Buffer)
            {
                hash.AppendData(segment.Span);
            }

            received += read.Buffer.Length;
            mine.Input.AdvanceTo(read.Buffer.End);
            if (!happened && received > size / 3)
            {
                happened = true;
                happening = @event(link, pair.Client, server);
            }

            if (read.IsCompleted)
            {
                break;
            }
        }

        await happening;
        await sending;
        Assert.Equal(size, received);
        Assert.Equal(SHA256.HashData(data), hash.GetHashAndReset());
        output.WriteLine($"{link.BytesDown} bytes down for {size}");
    }
}
