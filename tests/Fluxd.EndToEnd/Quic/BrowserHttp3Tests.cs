using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fluxd.EndToEnd.House;
using Fluxd.EndToEnd.Http;
using Fluxd.Testing.Quic;
using Xunit;

namespace Fluxd.EndToEnd.Quic;

/// <summary>A person's browser over HTTP/3, against the real daemon.</summary>
[Trait("Category", "Peers")]
public sealed class BrowserHttp3Tests
{
    [QuicFact(Timeout = 300_000)]
    public async Task Chromium_loads_the_page_and_moves_a_file_both_ways_over_http3()
    {
        await using var served = await ServedDaemon.StartAsync();
        await using var browser = await Browser.StartAsync(
            $"--origin-to-force-quic-on=127.0.0.1:{served.Port}", "--ignore-certificate-errors-spki-list=" + await KeyHashAsync(served.Port));
        await browser.OpenAsync(served.Url + "/");
        await browser.UntilAsync("!document.getElementById('login').hidden");
        var loaded = await browser.EvaluateAsync("performance.getEntriesByType('navigation').concat(performance.getEntriesByType('resource')).map(e => e.nextHopProtocol).join()");
        Assert.All(loaded!.GetValue<string>().Split(','), protocol => Assert.Equal("h3", protocol));

        // A file up and down again, by the API that the page uses.
        var bytes = await served.MakeFileAsync("a.bin", 3_000_001);
        await browser.EvaluateAsync("document.body.insertAdjacentHTML('beforeend', '<input type=file id=chosen>'); 0");
        await browser.ChooseAsync("#chosen", served.Local("a.bin"));
        var moved = await browser.EvaluateAsync($$"""
            (async () => {
              const url = location.origin + '/v1/files/a.bin', headers = { Authorization: 'Basic ' + btoa('admin:{{served.Daemon.Password}}') };
              const sent = await fetch(url, { method: 'PUT', headers, body: document.getElementById('chosen').files[0] });
              const back = await fetch(url, { headers, cache: 'no-store' });
              const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', await back.arrayBuffer()));
              const protocols = performance.getEntriesByName(url).map(e => e.nextHopProtocol);
              return [sent.ok, back.status, [...hash].map(b => b.toString(16).padStart(2, '0')).join(''), ...new Set(protocols)].join(' ');
            })()
            """);
        Assert.Equal($"true 200 {Convert.ToHexStringLower(SHA256.HashData(bytes))} h3", moved!.GetValue<string>());
    }

    /// <summary>What Chromium is told to trust: it takes a certificate that nobody vouches for over QUIC by its key alone.</summary>
    private static async Task<string> KeyHashAsync(int port)
    {
        using var tcp = new TcpClient();
        await tcp.ConnectAsync(IPAddress.Loopback, port);
        await using var tls = new SslStream(tcp.GetStream());
        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "127.0.0.1", RemoteCertificateValidationCallback = (_, shown, _, _) => shown is not null });
        using var certificate = new X509Certificate2(tls.RemoteCertificate!);
        return Convert.ToBase64String(SHA256.HashData(certificate.PublicKey.ExportSubjectPublicKeyInfo()));
    }
}
