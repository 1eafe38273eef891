using System.Net;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Testing;
using Fluxd.Transports.Sftp;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fluxd.Tests.Transports.Sftp;

/// <summary>A session over an in-memory tree and the client at its other end.</summary>
internal sealed class SftpFixture : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new(TimeSpan.FromSeconds(60));
    private readonly TimeProvider _clock;

    public SftpFixture(IFiles? files = null, string clientVersion = "SSH-2.0-OpenSSH_9.2p1", TimeProvider? clock = null)
    {
        _clock = clock ?? TimeProvider.System;
        Files = files ?? new MemoryFiles();
        var pair = new PipePair();
        Pipe = pair.Client;
        Client = new SftpTestClient(pair.Client);
        Session = Serve(pair, clientVersion);
    }

    public IFiles Files { get; }

    public SftpTestClient Client { get; }

    /// <summary>The client's end, for those that build their packets themselves.</summary>
    public System.IO.Pipelines.IDuplexPipe Pipe { get; }

    public Task Session { get; }

    /// <summary>Cancelled, as when the daemon stops.</summary>
    public CancellationTokenSource Draining { get; } = new();

    public Always Authenticator { get; } = new();

    private async Task Serve(PipePair pair, string clientVersion)
    {
        var services = new SftpServices(Files, Authenticator, null, _clock, NullLogger.Instance);
        using var session = new SftpSession(services, new SftpClient(People.Anna, "test", clientVersion));
        try
        {
            await session.RunAsync(pair.Server, Draining.Token, _stop.Token);
        }
        finally
        {
            await pair.Server.Output.CompleteAsync();
            await pair.Server.Input.CompleteAsync();
        }
    }

    public static async Task<SftpFixture> Start(IFiles? files = null, string clientVersion = "SSH-2.0-OpenSSH_9.2p1", TimeProvider? clock = null)
    {
        var fixture = new SftpFixture(files, clientVersion, clock);
        await fixture.Client.InitAsync();
        return fixture;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        try
        {
            await Session;
        }
        catch (OperationCanceledException)
        {
            // asked for above
        }

        _stop.Dispose();
        Draining.Dispose();
    }

    internal sealed class Always : IAuthenticator
    {
        public bool Valid { get; set; } = true;

        public ValueTask<AuthResult> AuthenticateAsync(Credential credential, PeerInfo peer, AuthMethods done, CancellationToken ct) =>
            ValueTask.FromResult(AuthResult.Failed);

        public bool IsStillValid(Principal principal) => Valid;
    }

    public static PeerInfo Peer => new(IPAddress.Loopback, "sftp");
}
