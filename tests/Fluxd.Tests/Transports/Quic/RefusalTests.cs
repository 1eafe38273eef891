using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Net;
using Fluxd.Core;
using Fluxd.Testing;
using Fluxd.Testing.Quic;
using Fluxd.Transports.Quic;
using Fluxd.Transports.Quic.Engine;
using Xunit;

namespace Fluxd.Tests.Transports.Quic;

/// <summary>Who is not answered sees silence; whoever runs the server does not.</summary>
public sealed class RefusalTests
{
    private const int RefusedId = 6005;

    [QuicFact]
    public async Task A_client_beyond_what_its_address_may_have_is_told_of_in_the_log_and_counted()
    {
        using var counted = new Counted("fluxd.quic.refused");
        using var log = new MemoryLog();
        await using var pair = new QuicPair(new AdmissionLimits { ConnectionsPerAddressMax = 2 }, log: log);
        var (_, first) = await pair.Connect();
        await pair.Connect();
        var third = pair.Client.Connect(pair.Server.LocalEndPoint, pair.ClientOptions);

        var (_, id, text) = await log.NextAsync();
        Assert.Equal(RefusedId, id);
        Assert.Contains("127.0.0.1", text);
        Assert.Contains("2 connections already, as many as [quic] connections_per_address allows", text);
        Assert.True(counted.Of("address") > 0);
        Assert.Equal(2, pair.Server.ConnectionCount);

        third.Close(0);
        first.Close(0);
        await first.Freed;
        await pair.Connect(); // there is room again
    }

    [Fact]
    public async Task Each_reason_is_told_once_a_minute_and_names_what_to_set()
    {
        const ulong Second = 1_000_000_000;
        using var log = new MemoryLog();
        var refusals = new Refusals(new AdmissionLimits(), log);
        var peer = SockAddress.From(new IPEndPoint(IPAddress.Parse("::ffff:192.0.2.7"), 4433));
        refusals.Add(Admitted.TooManyOfAddress, peer, Second);
        refusals.Add(Admitted.TooManyOfAddress, peer, 60 * Second);
        refusals.Add(Admitted.TooManyInAll, peer, 60 * Second);
        refusals.Add(Admitted.TooManyOfAddress, peer, 61 * Second);
        refusals.Add(Admitted.TooMany, peer, 61 * Second);
        refusals.Add(Admitted.TooManyHandshakes, peer, 61 * Second);
        refusals.Add(Admitted.TooManyHandshakesOfAddress, peer, 61 * Second);

        string[] bounds =
        [
            "[quic] connections_per_address", "[limits] connections", "[quic] connections_per_address", "[quic] listen",
            $"{QuicLimits.HandshakesMax} handshakes are unfinished", $"{QuicLimits.HandshakesPerAddressMax} unfinished handshakes",
        ];
        foreach (var bound in bounds)
        {
            var (_, id, text) = await log.NextAsync();
            Assert.Equal(RefusedId, id);
            Assert.Contains(bound, text);
            Assert.StartsWith("A QUIC client at 192.0.2.7 ", text);
        }
    }

    /// <summary>Sums by reason; other tests of this process may add to them.</summary>
    private sealed class Counted : IDisposable
    {
        private readonly MeterListener _listener = new();
        private readonly ConcurrentDictionary<string, long> _sums = new();

        public Counted(string instrument)
        {
            _listener.InstrumentPublished = (found, listener) =>
            {
                if (found.Meter.Name == FluxTelemetry.Name && found.Name == instrument)
                {
                    listener.EnableMeasurementEvents(found);
                }
            };
            _listener.SetMeasurementEventCallback<long>((_, value, tags, _) => _sums.AddOrUpdate((string)tags[0].Value!, value, (_, sum) => sum + value));
            _listener.Start();
        }

        public long Of(string reason) => _sums.GetValueOrDefault(reason);

        public void Dispose() => _listener.Dispose();
    }
}
