using System.Net;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Transports.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Fluxd.Testing;

/// <summary>The HTTP frontend on a real Kestrel at a free port, over parts that a test chooses.</summary>
public sealed class HttpServer : IAsyncDisposable
{
    public const string Token = "flx_anna";
    public const string ReadToken = "flx_reader";

    private WebApplication _app = null!;

    public FixedAuthenticator Authenticator { get; } = new();

    public CountedCoordinator Coordinator { get; } = new();

    public MemorySessions Sessions { get; } = new();

    public MemoryTransfers Transfers { get; } = new();

    public MemoryFeed Feed { get; } = new();

    /// <summary>What the API reads; <see cref="Feed"/> unless a test sets another.</summary>
    public Core.Feed.IChangeFeed ChangeFeed { get; set; }

    public IFiles Files { get; set; }

    public IUploads Uploads { get; set; }

    public IChunkUploads Chunks { get; set; }

    public IVersions Versions { get; set; } = new NoVersions();

    public MemoryFiles Memory { get; }

    public HttpOptions Options { get; set; } = HttpOptions.Default;

    public TimeProvider Clock { get; set; } = TimeProvider.System;

    public MemoryLog Log { get; } = new();

    public Uri Address { get; private set; } = null!;

    /// <summary>For whoever serves the same over another transport.</summary>
    public HttpApi Api { get; private set; } = null!;

    public HttpServer()
    {
        Memory = new MemoryFiles();
        var uploads = new MemoryUploads(Memory);
        (Files, Uploads, Chunks, ChangeFeed) = (Memory, uploads, uploads, Feed);
        var anna = People.Anna with { Credential = CredentialKind.Token, CredentialId = "k1" };
        Authenticator.ByPassword["anna:correct horse"] = People.Anna;
        Authenticator.ByToken[Token] = anna;
        Authenticator.ByToken[ReadToken] = anna with { Scopes = Scopes.Read, CredentialId = "k2" };
        Authenticator.ByToken["flx_bert"] = People.Bert with { Credential = CredentialKind.Token };
    }

    public async Task<HttpServer> StartAsync(Action<ListenOptions>? listen = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(options =>
        {
            HttpKestrel.Configure(options);
            options.Listen(IPAddress.Loopback, 0, endpoint => listen?.Invoke(endpoint));
        });
        _app = builder.Build();
        Api = new HttpApi(new HttpServices
        {
            Files = Files,
            Uploads = Uploads,
            Chunks = Chunks,
            Versions = Versions,
            Feed = ChangeFeed,
            Authenticator = Authenticator,
            Coordinator = Coordinator,
            Sessions = Sessions,
            Transfers = Transfers,
            Clock = Clock,
            Loggers = Log,
            Options = () => Options,
            Secret = new byte[32],
        });
        _app.UseFluxdHttp(Api);
        await _app.StartAsync();
        Address = new Uri(_app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
        return this;
    }

    public HttpClient Client(string? token = Token)
    {
        var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = Address, Timeout = TimeSpan.FromSeconds(30) };
        if (token is not null)
        {
            client.DefaultRequestHeaders.Authorization = new("Bearer", token);
        }

        return client;
    }

    public async ValueTask DisposeAsync()
    {
        Api.Dispose();
        await _app.DisposeAsync();
    }

    /// <summary>The memory tree has no past.</summary>
    private sealed class NoVersions : IVersions
    {
        public ValueTask<IReadOnlyList<FileVersion>> ListAsync(Principal who, FilePath path, CancellationToken ct) => new([]);

        public Task<IOpenFile> OpenAsync(Principal who, FilePath path, long version, CancellationToken ct) => throw None();

        public Task<NodeInfo> RestoreAsync(Principal who, FilePath path, long version, CancellationToken ct) => throw None();

        public ValueTask<TrashPage> ListTrashAsync(Principal who, string? cursor, int count, CancellationToken ct) => new(new TrashPage([], null));

        public Task<NodeInfo> RestoreTrashAsync(Principal who, long nodeId, FilePath? to, CancellationToken ct) => throw None();

        public Task PurgeTrashAsync(Principal who, long nodeId, CancellationToken ct) => throw None();

        public ValueTask<IReadOnlyList<FileName>> ListSnapshotsAsync(Principal who, CancellationToken ct) => new([]);

        private static Core.FluxException None() => Core.FluxException.NotFound("There is no such version.");
    }
}
