using Fluxd.Testing;
using Fluxd.Testing.Store;
using Xunit;

namespace Fluxd.Tests.Transports.Http;

/// <summary>The API on a server of its own, over a tree in memory unless a test says otherwise, and a client that is signed in.</summary>
public abstract class HttpTest : IAsyncLifetime
{
    private protected HttpServer Server { get; } = new();

    private protected HttpClient Client { get; private set; } = null!;

    /// <summary>What the client signs in with; null: nothing.</summary>
    private protected virtual string? Token => HttpServer.Token;

    public virtual async Task InitializeAsync()
    {
        await Server.StartAsync();
        Client = Server.Client(Token);
    }

    public virtual async Task DisposeAsync()
    {
        Client.Dispose();
        await Server.DisposeAsync();
    }

    /// <param name="body">Null sends none, unless a header speaks of one.</param>
    /// <param name="headers">"Name: value".</param>
    private protected async Task<HttpResponseMessage> Send(string method, string url, byte[]? body, params string[] headers)
    {
        var request = new HttpRequestMessage(new HttpMethod(method), url) { Content = body is null ? null : new ByteArrayContent(body) };
        foreach (var header in headers)
        {
            var colon = header.IndexOf(':', StringComparison.Ordinal);
            var (name, value) = (header[..colon], header[(colon + 1)..].Trim());
            if (!request.Headers.TryAddWithoutValidation(name, value))
            {
                request.Content ??= new ByteArrayContent([]);
                request.Content.Headers.TryAddWithoutValidation(name, value);
            }
        }

        return await Client.SendAsync(request);
    }
}

/// <summary>The API over the real trees, uploads, versions and feed, on a real catalogue and real packs.</summary>
public abstract class HttpOverTheStoreTest(TimeProvider? clock = null) : HttpTest
{
    private protected TestTrees Trees { get; } = new(clock);

    public override Task InitializeAsync()
    {
        (Server.Files, Server.Uploads, Server.Chunks) = (Trees.Files, Trees.Uploads, Trees.Chunks);
        (Server.Versions, Server.ChangeFeed) = (Trees.Versions, Trees.Feed);
        return base.InitializeAsync();
    }

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        await Trees.DisposeAsync();
    }
}
