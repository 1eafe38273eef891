using System.Net;
using System.Net.Sockets;
using System.Text;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Core.Net;
using Fluxd.Core.Uploads;
using Fluxd.Transports.Quic;
using Fluxd.Transports.Quic.Client;
using Fluxd.Transports.Quic.Protocol;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fluxd.Testing.Quic;

/// <summary>The whole QUIC frontend on a port of its own, over files and uploads in memory unless a test brings others.</summary>
public sealed class QuicServerFixture : IAsyncDisposable
{
    private QuicServerFixture(Action<IApplicationBuilder>? http, IPEndPoint? listen, Socket? inherited, string engine, IFiles? files, IUploads? uploads)
    {
        Files = new MemoryFiles();
        Uploads = new MemoryUploads(Files);
        Frontend = new QuicFrontend(new QuicFrontendOptions
        {
            Listen = [listen ?? new IPEndPoint(IPAddress.Loopback, 0)],
            Inherited = inherited is null ? [] : [inherited],
            Engine = engine,
            Certificates = Certificate,
            Locality = new NetworkLocality([]),
            Loggers = NullLoggerFactory.Instance,
            Http = http,
            ConfigureKestrel = kestrel => kestrel.Limits.MaxRequestBodySize = null,
            Services = new FluxdServices
            {
                Authenticator = User,
                Files = files ?? Files,
                Uploads = uploads ?? Uploads,
                Chunks = Uploads,
                Feed = Feed,
                Loggers = NullLoggerFactory.Instance,
            },
        });
    }

    public TestCertificate Certificate { get; } = new();

    public OneUser User { get; } = new();

    public ScriptedFeed Feed { get; } = new();

    public MemoryFiles Files { get; }

    public MemoryUploads Uploads { get; }

    public QuicFrontend Frontend { get; }

    public IPEndPoint EndPoint => Frontend.Bound[0];

    public static async Task<QuicServerFixture> Start(
        Action<IApplicationBuilder>? http = null, IPEndPoint? listen = null, Socket? inherited = null, string engine = "auto", IFiles? files = null, IUploads? uploads = null)
    {
        var fixture = new QuicServerFixture(http, listen, inherited, engine, files, uploads);
        await fixture.Frontend.StartAsync(CancellationToken.None);
        return fixture;
    }

    public Task<FluxdClient> Connect(string password = "right", IPEndPoint? through = null, string? pin = null) => FluxdClient.ConnectAsync(
        new FluxdClientOptions
        {
            Server = through ?? EndPoint,
            ServerName = "localhost",
            Credential = new PasswordCredential("anna", Encoding.UTF8.GetBytes(password)),
            PinnedFingerprint = pin ?? Certificate.Fingerprint,
            ClientName = "test",
            KeepAlive = TimeSpan.FromSeconds(1),
            IsLocal = _ => through is null, // an emulated link is to be treated as the distant one that it stands for
        },
        NullLogger.Instance,
        CancellationToken.None);

    public ValueTask DisposeAsync() => Frontend.DisposeAsync();
}
