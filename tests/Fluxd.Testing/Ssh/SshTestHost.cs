using System.Net;
using Fluxd.Core.Net;
using Fluxd.Transports.Net;
using Fluxd.Transports.Ssh;
using Fluxd.Transports.Ssh.Auth;
using Fluxd.Transports.Ssh.Channels;
using Fluxd.Transports.Ssh.HostKeys;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fluxd.Testing.Ssh;

/// <summary>A real SSH server on a loopback port with an echo subsystem, for real clients.</summary>
public sealed class SshTestHost : IAsyncDisposable
{
    private readonly SshEndpoint _endpoint;
    private readonly HostKeyStore _keys;

    private SshTestHost(SshEndpoint endpoint, HostKeyStore keys) => (_endpoint, _keys) = (endpoint, keys);

    public FakeAuthenticator Authenticator { get; private init; } = new();

    public OpenCoordinator Coordinator { get; private init; } = new();

    public int Port => ((IPEndPoint)_endpoint.Bound[0]).Port;

    public SshEndpoint Endpoint => _endpoint;

    public static async Task<SshTestHost> StartAsync(
        string keyDirectory, Func<SshServerOptions, SshServerOptions>? change = null, bool compat = false, string[]? authorities = null, ILogger? logger = null, int port = 0)
    {
        var authenticator = new FakeAuthenticator();
        var coordinator = new OpenCoordinator();
        var keys = HostKeyStore.Open(keyDirectory, compat);
        var options = new SshServerOptions
        {
            HostKeys = keys,
            Authenticator = authenticator,
            Coordinator = coordinator,
            Services = new SshServices([new EchoSubsystem()], [new WordsCommand()]),
            Logger = logger ?? NullLogger.Instance,
            Compat = compat,
            Authorities = SshUserAuthorities.Parse(authorities ?? []),
        };
        var link = new LinkTuning(CongestionControl.Auto, new NetworkLocality([]));
        var endpoint = new SshEndpoint(change?.Invoke(options) ?? options, [new IPEndPoint(IPAddress.Loopback, port)], link);
        await endpoint.StartAsync(CancellationToken.None);
        return new SshTestHost(endpoint, keys) { Authenticator = authenticator, Coordinator = coordinator };
    }

    public async ValueTask DisposeAsync()
    {
        await _endpoint.DisposeAsync();
        _keys.Dispose();
    }
}
