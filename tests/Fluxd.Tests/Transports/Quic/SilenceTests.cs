using Fluxd.Testing.Quic;
using Fluxd.Transports.Quic.Engine;
using Xunit;

namespace Fluxd.Tests.Transports.Quic;

public sealed class SilenceTests
{
    [QuicFact(Timeout = 120_000)]
    public async Task Ends_that_call_each_other_in_the_same_second_keep_their_round_trip()
    {
        const int Calls = 6;
        await using var pair = new QuicPair();

        // Long enough for each end's call to be under way when the other's arrives.
        await using var link = new UdpForwarder(pair.Server.LocalEndPoint, new LinkConditions { Delay = TimeSpan.FromMilliseconds(400) }, seed: 1);
        var (client, server) = await pair.Connect(through: link.EndPoint);
        await QuicPair.OpenStream(client, server);
        QuicConnection[] ends = [client, server];
        var before = await RoundTrips(ends);
        var until = ends.Select(end => end.Calls + Calls).ToArray();
        while (ends.Zip(until).Any(pair => pair.First.Calls < pair.Second))
        {
            Assert.All(ends, end => Assert.Null(end.CloseReason));
            await Task.Delay(50);
        }

        Assert.All((await RoundTrips(ends)).Zip(before), pair => Assert.InRange(pair.First, TimeSpan.Zero, 5 * pair.Second));

        // Without the rule four: a machine that stood still for two probe timeouts (1.6 s here) is an outage to its connections.
        Assert.All(ends, end => Assert.InRange(end.HurriedProbes, 0, 2));
    }

    [QuicFact(Timeout = 120_000)]
    public async Task A_stream_on_which_nothing_comes_outlives_the_change_from_calls_to_keep_alives()
    {
        const int Calls = 6; // with the longer pauses between them they last longer than the idle time
        await using var pair = new QuicPair(idle: TimeSpan.FromSeconds(5), callingTime: TimeSpan.Zero);

        // The change comes while the first call is due, and the server says nothing of its own that would put it off.
        pair.ClientOptions = pair.ClientOptions with { CallingTime = TimeSpan.FromMilliseconds(900), KeepAlive = TimeSpan.FromMilliseconds(1100) };
        var (client, server) = await pair.Connect();
        await QuicPair.OpenStream(client, server);
        for (var until = client.Calls + Calls; client.Calls < until; await Task.Delay(50))
        {
            Assert.Null(client.CloseReason);
        }

        Assert.Null(server.CloseReason);
    }

    [QuicFact(Timeout = 120_000)]
    public async Task Silence_is_told_while_something_is_under_way()
    {
        var limit = TimeSpan.FromSeconds(3);
        await using var pair = new QuicPair();
        await using var link = new UdpForwarder(pair.Server.LocalEndPoint, new LinkConditions(), seed: 1);
        var (client, server) = await pair.Connect(through: link.EndPoint);
        Assert.Equal(TimeSpan.Zero, client.Silence);

        await QuicPair.OpenStream(client, server);
        link.IsDown = true;
        while (client.Silence < limit)
        {
            await Task.Delay(50);
        }

        link.IsDown = false;
        while (client.Silence >= limit)
        {
            await Task.Delay(50);
        }

        Assert.Null(client.CloseReason);
    }

    private static async Task<TimeSpan[]> RoundTrips(QuicConnection[] ends) =>
        [.. (await Task.WhenAll(ends.Select(end => end.MeasureAsync(CancellationToken.None)))).Select(path => path.RoundTrip)];
}
