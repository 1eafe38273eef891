using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using Fluxd.Core.Files;
using Fluxd.Testing;
using Fluxd.Transports.Client;
using Fluxd.Transports.Http;
using Xunit;

namespace Fluxd.EndToEnd.Http;

/// <summary>Through the real proxies: nginx as it comes (buffering, bodies up to 1 MB), nginx and Caddy by the recipes.</summary>
[Trait("Category", "Peers")]
public sealed class ProxiesTests : IAsyncLifetime
{
    private readonly HttpServer _server = new() { Options = new HttpOptions { TrustedProxies = [IPNetwork.Parse("127.0.0.0/8")] } };
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("fluxd-proxy");
    private readonly byte[] _bytes = RandomNumberGenerator.GetBytes(12_000_000);

    public async Task InitializeAsync() => await _server.StartAsync();

    public async Task DisposeAsync()
    {
        await _server.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    private async Task<Proxy> NginxAsync(string location)
    {
        var port = Tool.FreePort();
        var conf = Path.Combine(_folder.FullName, $"nginx-{port}.conf");
        await File.WriteAllTextAsync(conf, $$"""
            daemon off; master_process off; pid {{_folder.FullName}}/{{port}}.pid; error_log stderr;
            events { }
            http {
              access_log off;
              client_body_temp_path {{_folder.FullName}}/body; proxy_temp_path {{_folder.FullName}}/proxy; fastcgi_temp_path {{_folder.FullName}}/f; uwsgi_temp_path {{_folder.FullName}}/u; scgi_temp_path {{_folder.FullName}}/s;
              server {
                listen 127.0.0.1:{{port}};
                {{location.Replace("TARGET", _server.Address.ToString().TrimEnd('/'), StringComparison.Ordinal)}}
              }
            }
            """);
        return await Proxy.StartAsync(port, "nginx", "-c", conf, "-e", "stderr");
    }

    /// <summary>What a first proxy_pass looks like, and no more: buffered bodies of at most 1 MB, HTTP/1.0 behind.</summary>
    private const string Bare = "location / { proxy_pass TARGET; proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto https; }";

    private const string Recipe = """
        client_max_body_size 0;
        location / {
          proxy_pass TARGET; proxy_http_version 1.1; proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
          proxy_set_header X-Forwarded-Proto https; proxy_request_buffering off; proxy_buffering off;
        }
        """;

    private async Task<Proxy> CaddyAsync()
    {
        var port = Tool.FreePort();
        var conf = Path.Combine(_folder.FullName, "Caddyfile");
        await File.WriteAllTextAsync(conf, $$"""
            {
              admin off
              auto_https off
              storage file_system {{_folder.FullName}}/caddy
            }
            http://127.0.0.1:{{port}} {
              reverse_proxy {{_server.Address.Authority}} {
                flush_interval -1
                header_up X-Forwarded-Proto https
              }
            }
            """);
        return await Proxy.StartAsync(port, "caddy", "run", "--adapter", "caddyfile", "--config", conf);
    }

    private async Task RoundTripAsync(Proxy proxy)
    {
        await using var link = new HttpLink(new LinkTarget { Url = proxy.Url, Authorization = new AuthenticationHeaderValue("Bearer", HttpServer.Token) });
        var local = Path.Combine(_folder.FullName, "source");
        await File.WriteAllBytesAsync(local, _bytes);
        var sender = new FileSender(link, new ResumeNotes(Path.Combine(_folder.FullName, "notes")), TimeProvider.System);
        await sender.SendAsync("s", local, FilePath.Parse("/p/a"), null, CancellationToken.None);
        var entry = await link.FindAsync(FilePath.Parse("/p/a"), CancellationToken.None);
        var back = Path.Combine(_folder.FullName, "back");
        await new FileReceiver(link, TimeProvider.System).ReceiveAsync(entry!, back, null, CancellationToken.None);
        Assert.Equal(_bytes, await File.ReadAllBytesAsync(back));
    }

    private static Task<IReadOnlyList<Finding>> ExamineAsync(Proxy proxy) => ExamineAsync(proxy.Url);

    private static async Task<IReadOnlyList<Finding>> ExamineAsync(Uri url) =>
        await new ProxyDoctor(new LinkTarget { Url = url, Authorization = new AuthenticationHeaderValue("Bearer", HttpServer.Token) }).ExamineAsync(CancellationToken.None);

    [Fact(Timeout = 180_000)]
    public async Task Nginx_as_it_comes_caps_and_buffers_and_the_client_adapts()
    {
        await using var proxy = await NginxAsync(Bare);
        await RoundTripAsync(proxy);
        var findings = await ExamineAsync(proxy);
        var bodies = findings.Single(f => f.Name == "bodies");
        Assert.Equal(FindingState.Bad, bodies.State);
        Assert.Contains("client_max_body_size 0;", bodies.Cure, StringComparison.Ordinal);
        Assert.Equal(FindingState.Good, findings.Single(f => f.Name == "addresses").State);
        Assert.Equal(FindingState.Good, findings.Single(f => f.Name == "events").State);
        Assert.Contains("proxy_request_buffering off;", findings.Single(f => f.Name == "buffering" && f.State == FindingState.Warning).Cure, StringComparison.Ordinal);
        Assert.Contains("proxy_http_version 1.1;", findings.Single(f => f.Name == "http" && f.State == FindingState.Warning).Cure, StringComparison.Ordinal);
        Assert.Equal(FindingState.Good, findings.Single(f => f.Name == "caching").State);
    }

    [Fact(Timeout = 300_000)]
    public async Task What_passes_a_capped_proxy_is_found_exactly_and_kept_for_later_uploads()
    {
        await using var proxy = await NginxAsync("client_max_body_size 700k; " + Bare);
        var doctor = new ProxyDoctor(new LinkTarget { Url = proxy.Url, Authorization = new AuthenticationHeaderValue("Bearer", HttpServer.Token) });
        await doctor.ExamineAsync(CancellationToken.None);
        Assert.InRange(doctor.PartBytes!.Value, 636 << 10, 700 << 10);

        var fluxctl = new House.Fluxctl(_folder);
        Assert.Equal(0, (await fluxctl.TryAsync(HttpServer.Token, "login", proxy.Url.ToString())).ExitCode);
        var examined = await fluxctl.TryAsync(null, "doctor", "--url", proxy.Url.ToString());
        Assert.Equal(4, examined.ExitCode);
        Assert.Contains("client_max_body_size 0;", examined.Output, StringComparison.Ordinal);
        Assert.Contains($"\"partBytes\": {doctor.PartBytes}", await File.ReadAllTextAsync(Path.Combine(_folder.FullName, "fluxctl", "profiles.json")), StringComparison.Ordinal);
        var local = Path.Combine(_folder.FullName, "capped");
        await File.WriteAllBytesAsync(local, _bytes);
        await File.WriteAllBytesAsync(local + ".small", _bytes[..900_000]);
        await fluxctl.RunAsync("put", local, local + ".small", "--to", "/");
        await fluxctl.RunAsync("get", "/capped", local + ".back");
        Assert.Equal(_bytes, await File.ReadAllBytesAsync(local + ".back"));
    }

    [Fact(Timeout = 180_000)]
    public async Task A_proxy_that_answers_out_of_its_cache_is_found()
    {
        await using var proxy = await NginxAsync($$"""
            {{Recipe.Replace("proxy_buffering off;", "proxy_cache c; proxy_cache_valid any 10m; proxy_ignore_headers Cache-Control Expires Set-Cookie; proxy_cache_key $request_uri; proxy_set_header Authorization $http_authorization;", StringComparison.Ordinal)}}
              }
              proxy_cache_path {{_folder.FullName}}/cache keys_zone=c:1m;
              server {
                listen unix:{{_folder.FullName}}/unused.sock;
            """);
        var caching = (await ExamineAsync(proxy)).Single(f => f.Name == "caching");
        Assert.Equal(FindingState.Bad, caching.State);
        Assert.Contains("proxy_cache off;", caching.Cure, StringComparison.Ordinal);
    }

    [Fact(Timeout = 180_000)]
    public async Task A_name_that_does_not_resolve_and_a_port_where_nobody_answers_are_told_apart()
    {
        var nameless = Assert.Single(await ExamineAsync(new Uri("https://files.invalid/")));
        var deserted = await ExamineAsync(new Uri($"http://127.0.0.1:{Tool.FreePort()}/"));

        Assert.Equal(("dns", FindingState.Bad), (nameless.Name, nameless.State));
        Assert.Contains("dig files.invalid", nameless.Cure, StringComparison.Ordinal);
        Assert.Equal(["dns", "connect"], deserted.Select(finding => finding.Name));
        Assert.Equal(FindingState.Bad, deserted[1].State);
        Assert.Contains("sudo fluxctl doctor", deserted[1].Cure, StringComparison.Ordinal);
    }

    [Fact(Timeout = 180_000)]
    public async Task Nginx_by_the_recipe_passes_everything()
    {
        await using var proxy = await NginxAsync(Recipe);
        await RoundTripAsync(proxy);
        Assert.All(await ExamineAsync(proxy), f => Assert.True(f.State == FindingState.Good, f.ToString()));
    }

    [Fact(Timeout = 180_000)]
    public async Task Caddy_by_the_recipe_passes_everything()
    {
        await using var proxy = await CaddyAsync();
        await RoundTripAsync(proxy);
        Assert.All(await ExamineAsync(proxy), f => Assert.True(f.State == FindingState.Good, f.ToString()));
    }

    [Fact(Timeout = 180_000)]
    public async Task A_killed_proxy_costs_only_what_was_in_flight()
    {
        var proxy = await NginxAsync(Recipe);
        await using var link = new HttpLink(new LinkTarget { Url = proxy.Url, Authorization = new AuthenticationHeaderValue("Bearer", HttpServer.Token) });
        var bytes = RandomNumberGenerator.GetBytes(60_000_000);
        var local = Path.Combine(_folder.FullName, "long");
        await File.WriteAllBytesAsync(local, bytes);
        var sender = new FileSender(link, new ResumeNotes(Path.Combine(_folder.FullName, "notes")), TimeProvider.System);
        var killed = false;
        await Assert.ThrowsAnyAsync<Exception>(() => sender.SendAsync("s", local, FilePath.Parse("/long"), r =>
        {
            if (r.Done > 25_000_000 && !killed)
            {
                killed = true;
                proxy.Kill();
            }
        }, CancellationToken.None));
        await proxy.DisposeAsync();

        // The next run goes straight to the server; the session is the server's, not the proxy's.
        await using var direct = new HttpLink(new LinkTarget { Url = _server.Address, Authorization = new AuthenticationHeaderValue("Bearer", HttpServer.Token) });
        _server.Options = HttpOptions.Default;
        var again = new FileSender(direct, new ResumeNotes(Path.Combine(_folder.FullName, "notes")), TimeProvider.System);
        var sent = await again.SendAsync("s", local, FilePath.Parse("/long"), null, CancellationToken.None);
        Assert.True(sent.Resumed);
        Assert.InRange(sent.BytesMoved, 1, 50_000_000);
        Assert.Equal(SHA256.HashData(bytes), await direct.HashAsync(FilePath.Parse("/long"), CancellationToken.None));
    }

    private sealed class Proxy(int port, Process process) : IAsyncDisposable
    {
        public Uri Url => new($"http://127.0.0.1:{port}");

        public static async Task<Proxy> StartAsync(int port, string program, params string[] arguments)
        {
            var process = Tool.Start(program, arguments);
            process.ErrorDataReceived += (_, _) => { };
            process.OutputDataReceived += (_, _) => { };
            process.BeginOutputReadLine();
            await Tool.WaitForPortAsync(port, process);
            return new Proxy(port, process);
        }

        public void Kill() => process.Kill(entireProcessTree: true);

        public async ValueTask DisposeAsync()
        {
            if (!process.HasExited)
            {
                Kill();
            }

            await process.WaitForExitAsync();
            process.Dispose();
        }
    }
}
