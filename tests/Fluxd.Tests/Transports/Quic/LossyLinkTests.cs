using System.Security.Cryptography;
using Fluxd.Testing.Quic;
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
