using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Security;
using System.Text;
using System.Text.Json;
using Fluxd.Core;
using Fluxd.Testing;
using Fluxd.Transports.Http;
using Fluxd.Transports.Http.Proxies;
using Fluxd.Transports.Http.Tls;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Fluxd.Tests.Transports.Http;

public sealed class AccessOverHttpTests : HttpTest
{
    private protected override string? Token => null;

    private static AuthenticationHeaderValue Basic(string pair) => new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(pair)));

    private Task<HttpResponseMessage> Send(string method, string url, params string[] headers) => Send(method, url, null, headers);

    private static async Task<string?> Code(HttpResponseMessage answer) => (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString();

    [Fact(Timeout = 30_000)]
    public async Task Nobody_is_asked_to_sign_in_and_told_how()
    {
        var answer = await Send("GET", "/v1/files/");
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.Equal(["Bearer", "Basic"], answer.Headers.WwwAuthenticate.Select(w => w.Scheme));
        Assert.Equal("unauthenticated", await Code(answer));
        Assert.Equal(HttpStatusCode.Unauthorized, (await Send("GET", "/v1/files/", "Authorization: Bearer flx_wrong")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await Send("GET", "/v1/files/", "Authorization: Bearer a.b.c")).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await Send("GET", "/v1/files/", "Authorization: Basic ###")).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await Send("GET", "/v1/files/", "Authorization: Digest x")).StatusCode);
    }

    [Fact(Timeout = 30_000)]
    public async Task Basic_works_on_this_machine_but_not_for_forwarded_plain_requests()
    {
        var basic = "Authorization: " + Basic("anna:correct horse");
        Assert.Equal(HttpStatusCode.OK, (await Send("GET", "/v1/files/", basic)).StatusCode);
        Server.Options = new HttpOptions { TrustedProxies = [IPNetwork.Parse("127.0.0.0/8")] };
        Assert.Equal(HttpStatusCode.Forbidden, (await Send("GET", "/v1/files/", basic, "X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: http")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await Send("GET", "/v1/files/", basic, "X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https")).StatusCode);
        Assert.Equal("203.0.113.9", Server.Authenticator.LastPeer!.Address.ToString());
    }

    [Theory(Timeout = 30_000)]
    [InlineData("HS256")]
    [InlineData("EdDSA")]
    public async Task A_token_has_fewer_rights_and_dies_with_its_maker(string algorithm)
    {
        using var anna = Server.Client();
        await anna.PutAsync("/v1/files/in/a", new ByteArrayContent([1]));
        var answer = await anna.PostAsJsonAsync("/v1/auth/token", new { scope = "read", path = "/in", algorithm });
        var token = (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("access_token").GetString()!;
        Assert.Equal(HttpStatusCode.OK, (await Send("GET", "/v1/files/in/a", "Authorization: Bearer " + token)).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await Send("DELETE", "/v1/files/in/a", "Authorization: Bearer " + token)).StatusCode);
        var who = await (await Send("GET", "/v1/whoami", "Authorization: Bearer " + token)).Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal(("anna", "read", "/in"), (who.GetProperty("user").GetString(), who.GetProperty("scopes").GetString(), who.GetProperty("path").GetString()));
        var damaged = token[..^4] + (token.EndsWith("AAAA", StringComparison.Ordinal) ? "BBBB" : "AAAA");
        Assert.Equal(HttpStatusCode.Unauthorized, (await Send("GET", "/v1/files/in/a", "Authorization: Bearer " + damaged)).StatusCode);
        Server.Authenticator.StillValid = p => p.CredentialId != "k1";
        Assert.Equal(HttpStatusCode.Unauthorized, (await Send("GET", "/v1/files/in/a", "Authorization: Bearer " + token)).StatusCode);
    }

    [Fact(Timeout = 30_000)]
    public async Task An_unsigned_token_is_no_token()
    {
        static string Part(string json) => System.Buffers.Text.Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json));
        var claims = Part("""{"iss":"fluxd","sub":"anna","uid":101,"iat":1,"exp":99999999999,"scope":"read","jti":"x","kind":1}""");
        Assert.Equal(HttpStatusCode.Unauthorized, (await Send("GET", "/v1/files/", $"Authorization: Bearer {Part("""{"alg":"none"}""")}.{claims}.")).StatusCode);
    }

    [Fact(Timeout = 30_000)]
    public async Task A_browser_session_needs_its_csrf_token_to_change_things()
    {
        var login = await Client.PostAsJsonAsync("/v1/auth/login", new { user = "anna", password = "correct horse" });
        var cookie = login.Headers.GetValues("Set-Cookie").Single();
        Assert.Contains("httponly", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("samesite=strict", cookie, StringComparison.OrdinalIgnoreCase);
        var csrf = (await login.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("csrf").GetString();
        var pair = "Cookie: " + cookie.Split(';')[0];
        Assert.Equal(HttpStatusCode.OK, (await Send("GET", "/v1/files/", pair)).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await Send("DELETE", "/v1/files/x", pair)).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await Send("DELETE", "/v1/files/x", pair, "X-CSRF-Token: " + csrf, "Sec-Fetch-Site: cross-site")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await Send("DELETE", "/v1/files/x", pair, "X-CSRF-Token: " + csrf)).StatusCode);
        Assert.True(Server.Sessions.Kill(Server.Sessions.List().Single().Id));
        Assert.Equal(HttpStatusCode.Unauthorized, (await Send("GET", "/v1/files/", pair)).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await Client.PostAsJsonAsync("/v1/auth/login", new { user = "anna", password = "wrong" })).StatusCode);
    }

    [Fact(Timeout = 30_000)]
    public async Task A_signed_url_opens_its_path_and_nothing_else()
    {
        using var anna = Server.Client();
        await anna.PutAsync("/v1/files/s/a", new ByteArrayContent([1]));
        var url = (await (await anna.PostAsJsonAsync("/v1/sign", new { path = "/s/a" })).Content.ReadFromJsonAsync<JsonElement>()).GetProperty("url").GetString()!;
        Assert.Equal(HttpStatusCode.OK, (await Send("GET", url)).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await Send("GET", url.Replace("/s/a", "/s/b", StringComparison.Ordinal))).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await Send("PUT", url)).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await Send("GET", url.Replace("x=1", "x=2", StringComparison.Ordinal))).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await Send("GET", "/v1/whoami?" + new Uri(url).Query[1..])).StatusCode);
        var put = (await (await anna.PostAsJsonAsync("/v1/sign", new { path = "/s/new", method = "PUT" })).Content.ReadFromJsonAsync<JsonElement>()).GetProperty("url").GetString()!;
        Assert.Equal(HttpStatusCode.Created, (await Client.PutAsync(put, new ByteArrayContent([2]))).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await anna.PostAsJsonAsync("/v1/sign", new { path = "/s/a", seconds = 99_999_999 })).StatusCode);
    }

    [Fact(Timeout = 30_000)]
    public async Task A_limiter_answers_429_with_the_headers_in_use()
    {
        Server.Coordinator.Left = 0;
        var answer = await Send("GET", "/v1/files/", "Authorization: Bearer " + HttpServer.Token);
        Assert.Equal(HttpStatusCode.TooManyRequests, answer.StatusCode);
        Assert.Equal("2", answer.Headers.GetValues("Retry-After").Single());
        Assert.All(new[] { "RateLimit", "RateLimit-Policy", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset" }, name => Assert.True(answer.Headers.Contains(name)));
        Assert.Equal("rate_limited", await Code(answer));
    }

    public static TheoryData<FluxError> EveryError => [.. Enum.GetValues<FluxError>()];

    [Theory(Timeout = 30_000)]
    [MemberData(nameof(EveryError))]
    public async Task Every_error_of_the_core_has_a_status_a_code_and_a_transfer(FluxError error)
    {
        await using var server = new HttpServer();
        server.Files = FailingFiles.Make(server.Memory, new FluxException(error, "It failed on purpose.") { RetryAfter = TimeSpan.FromSeconds(7) });
        await server.StartAsync();
        using var client = server.Client();
        var answer = await client.GetAsync("/v1/files/a");
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
        var (status, code) = HttpErrors.Map(error);
        if (error == FluxError.IsFolder)
        {
            // GET of a folder lists it; the same refusal then comes from the listing.
            Assert.InRange((int)answer.StatusCode, 400, 599);
            return;
        }

        Assert.Equal((status, code, "It failed on purpose."), ((int)answer.StatusCode, problem.GetProperty("code").GetString(), problem.GetProperty("detail").GetString()));
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType!.MediaType);
        Assert.NotNull(server.Transfers.Find(problem.GetProperty("transfer").GetString()!));
        Assert.Equal(error is FluxError.RateLimited or FluxError.Busy or FluxError.Unavailable, answer.Headers.RetryAfter?.Delta == TimeSpan.FromSeconds(7));
    }

    [Theory(Timeout = 30_000)]
    [InlineData("/v1/files/a/../b", 400)]
    [InlineData("/v1/files/../../etc/passwd", 400)]
    [InlineData("/v1/files/%2e%2e/b", 400)]
    [InlineData("/v1/files/%2E/b", 400)]
    [InlineData("/v1/files/a%2fb", 400)]
    [InlineData("/v1/files/a%2Fb", 400)]
    [InlineData("/v1/files/a%00b", 400)]
    [InlineData("/v1/files/a//b", 400)]
    [InlineData("/v1/files/%c0%ae%c0%ae/b", 404)]
    [InlineData("/v1/files/..%5c..%5cetc", 404)]
    [InlineData("/v1/files/..\\..\\etc", 404)]
    [InlineData("/v1/files/a%zz", 400)]
    [InlineData("/v1/files/a%", 400)]
    [InlineData("/v1/files/%u002e", 400)]
    [InlineData("/v1/nothing", 404)]
    public async Task Path_tricks_are_refused(string target, int status)
    {
        using var raw = await RawHttp.ConnectAsync(Server.Address);
        await raw.WriteAsync($"GET {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {HttpServer.Token}\r\nConnection: close\r\n\r\n");
        var answer = await raw.ReadToEndAsync();
        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
    }

    [Fact(Timeout = 30_000)]
    public async Task Overlong_paths_and_names_are_refused()
    {
        var token = "Authorization: Bearer " + HttpServer.Token;
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await Send("GET", "/v1/files/" + new string('n', 256), token)).StatusCode);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await Send("GET", "/v1/files/" + string.Join('/', Enumerable.Repeat(new string('n', 200), 25)), token)).StatusCode);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await Send("GET", "/v1/files/" + string.Join('/', Enumerable.Repeat("n", 300)), token)).StatusCode);
    }

    [Theory(Timeout = 30_000)]
    [InlineData("/v1/move", "{", 400)]
    [InlineData("/v1/move", "null", 400)]
    [InlineData("/v1/move", "[]", 400)]
    [InlineData("/v1/move", "{\"from\":\"/a\"}", 400)]
    [InlineData("/v1/move", "{\"from\":\"/a/../b\",\"to\":\"/c\"}", 400)]
    [InlineData("/v1/move", "{\"from\":\"/a\\u0000\",\"to\":\"/c\"}", 400)]
    [InlineData("/v1/bulk", "{}", 400)]
    [InlineData("/v1/bulk", "{\"operations\":null}", 400)]
    [InlineData("/v1/push", "{\"operations\":[{\"op\":\"put\"}]}", 400)]
    [InlineData("/v1/archive", "{\"paths\":[]}", 400)]
    [InlineData("/v1/auth/token", "{\"scope\":\"everything\"}", 400)]
    public async Task Malformed_json_is_refused_in_words(string url, string json, int status)
    {
        using var anna = Server.Client();
        var answer = await anna.PostAsync(url, new StringContent(json, Encoding.UTF8, "application/json"));
        Assert.Equal(status, (int)answer.StatusCode);
        Assert.NotEmpty((await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("detail").GetString()!);
    }

    [Fact(Timeout = 30_000)]
    public async Task Unknown_methods_and_bodies_too_large_are_refused()
    {
        var answer = await Send("DELETE", "/v1/whoami", "Authorization: Bearer " + HttpServer.Token);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, answer.StatusCode);
        Assert.Equal(["GET"], answer.Content.Headers.Allow);
        using var anna = Server.Client();
        var huge = await anna.PostAsync("/v1/bulk", new StringContent(new string(' ', HttpLimits.JsonBodyBytesMax + 1), Encoding.UTF8, "application/json"));
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, huge.StatusCode);
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, (await anna.PostAsync("/v1/bulk", new StringContent("{}", Encoding.UTF8, "text/plain"))).StatusCode);
    }

    [Fact(Timeout = 30_000)]
    public async Task An_untrusted_proxy_gets_no_privilege_of_being_local()
    {
        var answer = await Send("GET", "/v1/files/", "Authorization: Bearer " + HttpServer.Token, "X-Forwarded-For: 203.0.113.9");
        Assert.Equal(HttpStatusCode.UpgradeRequired, answer.StatusCode);
        Assert.Contains("trusted_proxies", (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("detail").GetString(), StringComparison.Ordinal);
        Server.Options = new HttpOptions { AllowPlain = true };
        answer = await Send("GET", "/v1/files/", "Authorization: " + Basic("anna:correct horse"), "Forwarded: for=127.0.0.1");
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
    }

    [Fact(Timeout = 30_000)]
    public async Task Behind_a_trusted_proxy_the_limiter_counts_the_client()
    {
        Server.Options = new HttpOptions { TrustedProxies = [IPNetwork.Parse("127.0.0.0/8"), IPNetwork.Parse("10.0.0.0/8")] };
        await Send("GET", "/v1/whoami", "Authorization: Bearer " + HttpServer.Token, "X-Forwarded-Proto: https", "X-Forwarded-For: 198.51.100.7, 10.1.2.3");
        Assert.Equal("anna@198.51.100.7", Assert.Single(Server.Coordinator.Keys));
        await Send("GET", "/v1/whoami", "Authorization: Bearer " + HttpServer.Token, "Forwarded: for=\"[2001:db8::1]:99\";proto=https, for=10.0.0.1;proto=https");
        Assert.Contains("anna@2001:db8::1", Server.Coordinator.Keys);
    }

    [Fact(Timeout = 30_000)]
    public async Task Account_calls_and_uploads_by_link_count_for_the_user_and_for_the_address()
    {
        Server.Options = new HttpOptions { TrustedProxies = [IPNetwork.Parse("127.0.0.0/8")] };
        using var anna = Server.Client();
        anna.DefaultRequestHeaders.Add("X-Forwarded-Proto", "https");
        anna.DefaultRequestHeaders.Add("X-Forwarded-For", "2001:db8::7");
        var signed = await anna.PostAsJsonAsync("/v1/sign", new { path = "/new", method = "PUT" });
        Assert.Equal([("account", "address 2001:db8::/64"), ("account", "user anna")], Server.Coordinator.Takes.Order());

        Server.Coordinator.Takes.Clear();
        var url = new Uri((await signed.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("url").GetString()!);
        using var put = new HttpRequestMessage(HttpMethod.Put, url.PathAndQuery) { Content = new ByteArrayContent([2]) };
        put.Headers.Add("X-Forwarded-Proto", "https");
        put.Headers.Add("X-Forwarded-For", "198.51.100.7");
        Assert.Equal(HttpStatusCode.Created, (await Client.SendAsync(put)).StatusCode);
        Assert.Equal([("uploads", "address 198.51.100.7"), ("uploads", "user anna")], Server.Coordinator.Takes.Order());
    }

    [Fact(Timeout = 30_000)]
    public async Task Other_origins_are_served_only_when_configured()
    {
        Assert.False((await Send("GET", "/", "Origin: https://a.example")).Headers.Contains("Access-Control-Allow-Origin"));
        Server.Options = new HttpOptions { CorsOrigins = ["https://a.example"] };
        var preflight = await Send("OPTIONS", "/v1/files/x", "Origin: https://a.example", "Access-Control-Request-Method: PUT");
        Assert.Equal(HttpStatusCode.NoContent, preflight.StatusCode);
        Assert.Equal("https://a.example", preflight.Headers.GetValues("Access-Control-Allow-Origin").Single());
        Assert.False((await Send("OPTIONS", "/v1/files/x", "Origin: https://b.example", "Access-Control-Request-Method: PUT")).Headers.Contains("Access-Control-Allow-Origin"));
    }

    [Theory(Timeout = 60_000)]
    [InlineData("/")]
    [InlineData("/v1/files/")]
    [InlineData("/v1/files/nothing")]
    [InlineData("/v1/nothing")]
    public async Task Every_answer_tells_browsers_what_they_must_not_do(string url)
    {
        var headers = (await Client.GetAsync(url)).Headers;
        Assert.Equal(
            ["nosniff", "DENY", "0", "strict-origin-when-cross-origin", "camera=(), microphone=(), geolocation=()", "same-origin", "same-origin"],
            new[]
            {
                "X-Content-Type-Options", "X-Frame-Options", "X-XSS-Protection", "Referrer-Policy", "Permissions-Policy", "Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy",
            }.Select(name => headers.GetValues(name).Single()));
        Assert.Contains("default-src 'none'", headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
    }

    [Fact(Timeout = 30_000)]
    public async Task The_page_and_the_openapi_document_are_there()
    {
        var page = await Send("GET", "/");
        Assert.Contains("script-src 'sha256-", page.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        Assert.Contains("<title>fluxd</title>", await page.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        var document = await Client.GetFromJsonAsync<JsonElement>("/v1/openapi.json");
        var paths = document.GetProperty("paths");
        Assert.True(paths.GetProperty("/v1/files/{path}").TryGetProperty("put", out _));
        Assert.True(document.GetProperty("components").GetProperty("schemas").TryGetProperty("NodeEntry", out _));
        Assert.True(paths.EnumerateObject().Count() > 30);
    }

    [Fact(Timeout = 30_000)]
    public async Task Https_serves_a_self_made_certificate_that_stays_the_same()
    {
        var folder = Directory.CreateTempSubdirectory("fluxd-tls");
        try
        {
            using var made = SelfMadeCertificate.OpenOrMake(folder.FullName, TimeProvider.System);
            using var again = SelfMadeCertificate.OpenOrMake(folder.FullName, TimeProvider.System);
            Assert.Equal(made.Fingerprint, again.Fingerprint);
            await using var server = new HttpServer { Options = new HttpOptions { Hsts = true } };
            await server.StartAsync(listen => listen.UseFluxdTls(made));
            string? seen = null;
            using var handler = new SocketsHttpHandler
            {
                SslOptions = new SslClientAuthenticationOptions
                {
                    RemoteCertificateValidationCallback = (_, certificate, _, _) =>
                    {
                        seen = certificate!.GetCertHashString(System.Security.Cryptography.HashAlgorithmName.SHA256);
                        return seen == made.Fingerprint;
                    },
                },
            };
            using var client = new HttpClient(handler) { BaseAddress = server.Address, DefaultRequestVersion = HttpVersion.Version20 };
            client.DefaultRequestHeaders.Authorization = Basic("anna:correct horse");
            var answer = await client.GetAsync("/v1/whoami");
            Assert.Equal((HttpStatusCode.OK, HttpVersion.Version20, made.Fingerprint), (answer.StatusCode, answer.Version, seen));
            Assert.True(answer.Headers.Contains("Strict-Transport-Security"));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact(Timeout = 30_000)]
    public async Task Changed_certificate_files_are_taken_and_broken_ones_are_not()
    {
        var folder = Directory.CreateTempSubdirectory("fluxd-pem");
        try
        {
            using var one = SelfMadeCertificate.OpenOrMake(folder.CreateSubdirectory("1").FullName, TimeProvider.System);
            using var two = SelfMadeCertificate.OpenOrMake(folder.CreateSubdirectory("2").FullName, TimeProvider.System);
            var pem = Path.Combine(folder.FullName, "site.pem");
            File.Copy(Path.Combine(folder.FullName, "1", "tls-self-made.pem"), pem);
            await using var files = CertificateFiles.Open(pem, pem, TimeProvider.System, NullLoggerFactory.Instance);
            Assert.Equal(one.Fingerprint, files.Fingerprint);
            await File.WriteAllTextAsync(pem, "not a certificate");
            Assert.False(files.Reload());
            Assert.Equal(one.Fingerprint, files.Fingerprint);
            File.Copy(Path.Combine(folder.FullName, "2", "tls-self-made.pem"), pem, overwrite: true);
            Assert.True(files.Reload());
            Assert.Equal(two.Fingerprint, files.Fingerprint);
            Assert.Equal(FluxError.Invalid, Assert.Throws<FluxException>(() => CertificateFiles.Open("/nowhere", "/nowhere", TimeProvider.System, NullLoggerFactory.Instance)).Error);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Theory(Timeout = 30_000)]
    [InlineData("PROXY TCP4 203.0.113.5 10.0.0.1 1000 80\r\n")]
    [InlineData("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x05\x0a\0\0\x01\x03\xe8\0\x50")]
    public async Task The_proxy_protocol_names_the_client(string header)
    {
        await using var server = new HttpServer { Options = new HttpOptions { AllowPlain = true, TrustedProxies = [IPNetwork.Parse("127.0.0.0/8")] } };
        await server.StartAsync(listen => listen.UseProxyProtocol(() => server.Options, TimeProvider.System));
        using var raw = await RawHttp.ConnectAsync(server.Address);
        await raw.WriteAsync(header + $"GET /v1/whoami HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {HttpServer.Token}\r\nConnection: close\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 200", await raw.ReadToEndAsync(), StringComparison.Ordinal);
        Assert.Equal("anna@203.0.113.5", Assert.Single(server.Coordinator.Keys));
    }

    [Fact(Timeout = 30_000)]
    public async Task Without_a_proxy_header_such_a_listener_hangs_up()
    {
        await using var server = new HttpServer { Options = new HttpOptions { TrustedProxies = [IPNetwork.Parse("127.0.0.0/8")] } };
        await server.StartAsync(listen => listen.UseProxyProtocol(() => server.Options, TimeProvider.System));
        using var raw = await RawHttp.ConnectAsync(server.Address);
        await raw.WriteAsync("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        Assert.Equal("", await raw.ReadToEndAsync());
    }

    [Fact]
    public void Random_proxy_headers_never_throw()
    {
        var seed = Random.Shared.Next();
        var random = new Random(seed);
        for (var i = 0; i < 20_000; i++)
        {
            var bytes = new byte[random.Next(1, 64)];
            random.NextBytes(bytes);
            if (i % 2 == 0)
            {
                "\r\n\r\n\0\r\nQUIT\n!"u8.ToArray().AsSpan(0, Math.Min(13, bytes.Length)).CopyTo(bytes);
            }

            var result = ProxyHeader.Parse(new System.Buffers.ReadOnlySequence<byte>(bytes), out var length, out _);
            Assert.True(result != ProxyHeaderResult.Good || length <= bytes.Length, $"seed {seed}, round {i}");
        }
    }
}
