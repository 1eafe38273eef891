using System.Net;
using System.Net.Security;
using Fluxd.Testing.Quic;
using Fluxd.Transports.Net;
using Fluxd.Transports.Quic;
using Fluxd.Transports.Quic.Engine;
using Fluxd.Transports.Quic.Kestrel;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Fluxd.Tests.Transports.Quic;

/// <summary>The bound on all connections for an engine that does not know it; ours stands in for one.</summary>
public sealed class CountedListenersTests
{
    [QuicFact]
    public async Task One_connection_too_many_is_closed_and_a_place_that_is_left_is_taken_again()
    {
        await using var transport = new NgtcpTransport(new NgtcpTransportOptions { Certificates = new TestCertificate(), Secret = new byte[32] }, NullLoggerFactory.Instance);
        var budget = new ConnectionBudget(1);
        var listeners = new CountedListeners(transport, budget);
        var bound = transport.Open(new IPEndPoint(IPAddress.Loopback, 0));
        Assert.True(listeners.CanBind(bound));
        Assert.False(listeners.CanBind(new IPEndPoint(IPAddress.Loopback, 1)));
        await using var listener = await listeners.BindAsync(bound, Features(), CancellationToken.None);
        await using var clients = new QuicEndpoint(UdpSockets.Open(new IPEndPoint(IPAddress.Loopback, 0), isServer: false), server: null, NullLogger.Instance);

        var first = clients.Connect(bound, Options());
        var served = (await listener.AcceptAsync())!;
        var accepting = listener.AcceptAsync().AsTask();
        var second = clients.Connect(bound, Options());
        await ClosedAsync(second);
        Assert.Equal((1, 1L), (budget.Open, budget.Refused));
        Assert.False(first.ClosedToken.IsCancellationRequested);

        await served.DisposeAsync();
        await served.DisposeAsync(); // counted once
        await ClosedAsync(first);
        Assert.Equal(0, budget.Open);
        var third = clients.Connect(bound, Options());
        await using var next = await accepting;
        Assert.NotNull(next);
        Assert.Equal(1, budget.Open);
        Assert.False(third.ClosedToken.IsCancellationRequested);
    }

    private static Task ClosedAsync(QuicConnection connection)
    {
        var closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        connection.ClosedToken.Register(closed.SetResult);
        return closed.Task;
    }

    private static QuicClientOptions Options() => new() { ServerName = "localhost", Protocol = "test/1", Verify = _ => true };

    private static FeatureCollection Features()
    {
        var features = new FeatureCollection();
        features.Set(new TlsConnectionCallbackOptions
        {
            ApplicationProtocols = [new SslApplicationProtocol("test/1")],
            OnConnection = (_, _) => ValueTask.FromResult(new SslServerAuthenticationOptions()),
        });
        return features;
    }
}
