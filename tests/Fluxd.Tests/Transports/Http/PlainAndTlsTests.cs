using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using Fluxd.Testing;
using Fluxd.Transports.Http;
using Fluxd.Transports.Http.Tls;
using Xunit;

namespace Fluxd.Tests.Transports.Http;

/// <summary>What plain HTTP gets from afar, and that TLS passes bodies of every awkward size.</summary>
public sealed class PlainAndTlsTests
{
    private static readonly IPEndPoint Afar = new(IPAddress.Parse("203.0.113.5"), 4711);

    private static async Task<HttpServer> FromAfar(HttpOptions options)
    {
        var server = new HttpServer { Options = options };
        return await server.StartAsync(listen => listen.Use(next => connection =>
        {
            connection.RemoteEndPoint = Afar;
            return next(connection);
        }));
    }

    [Theory(Timeout = 60_000)]
    [InlineData(443, "/v1/files/a%20b?version=1", "https://files.example/v1/files/a%20b?version=1")]
    [InlineData(8443, "/", "https://files.example:8443/")]
    public async Task Plain_http_from_afar_is_sent_on_to_https(int port, string target, string location)
    {
        await using var server = await FromAfar(new HttpOptions { TlsPort = port });
        using var client = server.Client();
        foreach (var method in new[] { HttpMethod.Get, HttpMethod.Head })
        {
            var request = new HttpRequestMessage(method, target) { Headers = { Host = "files.example" } };
            var answer = await client.SendAsync(request);
            Assert.Equal(HttpStatusCode.PermanentRedirect, answer.StatusCode);
            Assert.Equal(location, answer.Headers.GetValues("Location").Single());
            Assert.Equal(0, answer.Content.Headers.ContentLength);
        }

        // Nobody was asked who it is: the credential went over the wire in the clear, and did nothing.
        Assert.Null(server.Authenticator.LastPeer);
    }

    [Fact(Timeout = 60_000)]
    public async Task What_a_redirect_would_lose_is_refused_with_the_way_out()
    {
        await using var server = await FromAfar(new HttpOptions { TlsPort = 443 });
        using var client = server.Client();
        var put = await client.PutAsync("/v1/files/a", new ByteArrayContent([1]));
        Assert.Equal(HttpStatusCode.UpgradeRequired, put.StatusCode);
        Assert.Contains("https_required", await put.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        server.Options = new HttpOptions();
        var nowhere = await client.GetAsync("/v1/files/a");
        Assert.Equal(HttpStatusCode.UpgradeRequired, nowhere.StatusCode);
        Assert.Contains("allow_plain", await nowhere.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        server.Options = new HttpOptions { AllowPlain = true };
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/v1/whoami")).StatusCode);
    }

    [Theory(Timeout = 60_000)]
    [InlineData("X-CSRF-Token", "", "Bearer")]
    [InlineData("Sec-Fetch-Dest", "empty", "Bearer")]
    [InlineData("Sec-Fetch-Dest", "document", "Bearer Basic")]
    public async Task A_pages_own_calls_open_no_dialogue_of_the_browser(string header, string value, string schemes)
    {
        await using var server = await new HttpServer().StartAsync();
        using var nobody = server.Client(token: null);
        nobody.DefaultRequestHeaders.TryAddWithoutValidation(header, value);
        var answer = await nobody.GetAsync("/v1/auth/session");
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.Equal(schemes, string.Join(' ', answer.Headers.WwwAuthenticate.Select(challenge => challenge.Scheme)));
    }

    [Theory(Timeout = 60_000)]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task Bodies_of_whole_records_and_their_neighbours_arrive_over_tls(string version)
    {
        var folder = Directory.CreateTempSubdirectory("fluxd-tls");
        try
        {
            using var certificate = SelfMadeCertificate.OpenOrMake(folder.FullName, TimeProvider.System);
            await using var server = new HttpServer();
            await server.StartAsync(listen => listen.UseFluxdTls(certificate));
            using var client = new HttpClient(new SocketsHttpHandler
            {
                SslOptions = new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = (_, shown, _, _) => shown!.GetCertHashString(HashAlgorithmName.SHA256) == certificate.Fingerprint },
            })
            {
                BaseAddress = server.Address,
                DefaultRequestVersion = Version.Parse(version),
                DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
                Timeout = TimeSpan.FromSeconds(50),
            };
            client.DefaultRequestHeaders.Authorization = new("Bearer", HttpServer.Token);
            int[] sizes = [1, (16 << 10) - 1, 16 << 10, (16 << 10) + 1, 64 << 10, (64 << 10) + 1, 128 << 10, 256 << 10, 1 << 20, (1 << 20) + (16 << 10), 3_000_001];
            foreach (var size in sizes)
            {
                var bytes = RandomNumberGenerator.GetBytes(size);
                (await client.PutAsync($"/v1/files/{size}", new ByteArrayContent(bytes))).EnsureSuccessStatusCode();
                Assert.Equal(bytes, await client.GetByteArrayAsync($"/v1/files/{size}"));
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
