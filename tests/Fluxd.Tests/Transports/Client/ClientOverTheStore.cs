using System.Net.Http.Headers;
using Fluxd.Testing;
using Fluxd.Testing.Store;
using Fluxd.Transports.Client;
using Fluxd.Transports.Http;
using Xunit;

namespace Fluxd.Tests.Transports.Client;

/// <summary>The client engine over HTTP against the real store, with a folder of its own.</summary>
public abstract class ClientOverTheStore : IAsyncLifetime
{
    private readonly HttpServer _server = new();

    protected DirectoryInfo Folder { get; } = Directory.CreateTempSubdirectory("fluxd-client");

    protected ILink Link { get; private set; } = null!;

    private protected TestTrees Trees { get; } = new();

    public async Task InitializeAsync()
    {
        (_server.Files, _server.Uploads, _server.Chunks) = (Trees.Files, Trees.Uploads, Trees.Chunks);
        _server.Options = new HttpOptions { Requests = new Fluxd.Core.Coordination.Limiter("requests", int.MaxValue, TimeSpan.FromSeconds(1)) };
        await _server.StartAsync();
        Link = new HttpLink(new LinkTarget { Url = _server.Address, Authorization = new AuthenticationHeaderValue("Bearer", HttpServer.Token) });
    }

    public async Task DisposeAsync()
    {
        await Link.DisposeAsync();
        await _server.DisposeAsync();
        await Trees.DisposeAsync();
        Folder.Delete(recursive: true);
    }
}
