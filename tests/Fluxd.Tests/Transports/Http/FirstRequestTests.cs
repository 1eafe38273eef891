using Fluxd.Testing;
using Fluxd.Transports.Http;
using Microsoft.AspNetCore.Connections.Features;
using Xunit;

namespace Fluxd.Tests.Transports.Http;

public sealed class FirstRequestTests
{
    private readonly ManualTime _time = new();

    [Fact]
    public void A_young_connection_hears_of_the_stop_when_its_first_request_has_begun()
    {
        using var kestrel = new Lifetime();
        using var first = new FirstRequest(kestrel, _time);
        _time.Advance(HttpLimits.FirstRequestGrace / 2);
        kestrel.RequestClose();
        Assert.False(first.ConnectionClosedRequested.IsCancellationRequested);

        first.Begin();
        Assert.True(first.ConnectionClosedRequested.IsCancellationRequested);
    }

    [Fact]
    public void A_connection_that_stays_silent_is_closed_when_its_grace_is_over()
    {
        using var kestrel = new Lifetime();
        using var first = new FirstRequest(kestrel, _time);
        _time.Advance(HttpLimits.FirstRequestGrace / 2);
        kestrel.RequestClose();
        _time.Advance((HttpLimits.FirstRequestGrace / 2) - TimeSpan.FromTicks(1));
        Assert.False(first.ConnectionClosedRequested.IsCancellationRequested);

        _time.Advance(TimeSpan.FromTicks(1));
        Assert.True(first.ConnectionClosedRequested.IsCancellationRequested);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void One_that_was_answered_before_or_was_silent_for_long_does_not_delay_the_stop(bool answered)
    {
        using var kestrel = new Lifetime();
        using var first = new FirstRequest(kestrel, _time);
        if (answered)
        {
            first.Begin();
        }
        else
        {
            _time.Advance(HttpLimits.FirstRequestGrace);
        }

        kestrel.RequestClose();
        Assert.True(first.ConnectionClosedRequested.IsCancellationRequested);
    }

    [Fact]
    public void Nothing_happens_to_a_connection_that_has_ended()
    {
        using var kestrel = new Lifetime();
        var first = new FirstRequest(kestrel, _time);
        kestrel.RequestClose();
        first.Dispose();
        _time.Advance(HttpLimits.FirstRequestGrace * 2);
        first.Begin();
    }

    private sealed class Lifetime : IConnectionLifetimeNotificationFeature, IDisposable
    {
        private readonly CancellationTokenSource _close = new();

        public Lifetime() => ConnectionClosedRequested = _close.Token;

        public CancellationToken ConnectionClosedRequested { get; set; }

        public void RequestClose() => _close.Cancel();

        public void Dispose() => _close.Dispose();
    }
}
