using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.RegularExpressions;
using Fluxd.Transports.Http.Wire;

namespace Fluxd.Transports.Client;

/// <summary>The way to the server: its name, its port, its certificate, the HTTP versions, and UDP.</summary>
public sealed partial class ProxyDoctor
{
    private static readonly TimeSpan s_warnBefore = TimeSpan.FromDays(14);

    private async Task<IReadOnlyList<Finding>> ReachAsync(CancellationToken ct)
    {
        var (host, port) = (target.Url.IdnHost, target.Url.Port);
        IPAddress[] addresses;
        try
        {
            addresses = await Dns.GetHostAddressesAsync(host, ct).WaitAsync(s_patience, ct);
        }
        catch (Exception e) when (e is SocketException or TimeoutException)
        {
            return [new Finding("dns", FindingState.Bad, $"{host} can't be resolved: {e.Message}", $"Make an A or AAAA record for {host}; look with: dig {host}")];
        }

        var dns = new Finding("dns", FindingState.Good, $"{host} leads to {string.Join(", ", addresses.Take(4).Select(address => address.ToString()))}.");
        using var client = new TcpClient();
        try
        {
            await client.ConnectAsync(addresses, port, ct).AsTask().WaitAsync(s_patience, ct);
        }
        catch (Exception e) when (e is SocketException or TimeoutException)
        {
            return
            [
                dns,
                new Finding(
                    "connect", FindingState.Bad, $"Nobody answers at {host}, TCP port {port}: {(e is TimeoutException ? "no answer at all, as behind a firewall" : e.Message)}.",
                    $"On the server: sudo fluxctl doctor; systemctl status fluxd. On the way: let TCP port {port} through, forward it at the router"),
            ];
        }

        var connect = new Finding("connect", FindingState.Good, $"TCP port {port} answers.");
        return target.Url.Scheme == "https" ? [dns, connect, await TlsAsync(client, host, ct)] : [dns, connect];
    }

    private async Task<Finding> TlsAsync(TcpClient client, string host, CancellationToken ct)
    {
        var (errors, fingerprint, until) = (SslPolicyErrors.None, "", default(DateTimeOffset));
        await using var tls = new SslStream(client.GetStream());
        try
        {
            await tls.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = host,
                    ApplicationProtocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11],
                    RemoteCertificateValidationCallback = (_, certificate, _, found) =>
                    {
                        // Only looked at here: what is sent goes through a link that judges for itself.
                        (errors, fingerprint) = (found, certificate?.GetCertHashString(HashAlgorithmName.SHA256) ?? "");
                        until = certificate is X509Certificate2 shown ? shown.NotAfter : default;
                        return certificate is not null;
                    },
                },
                ct).WaitAsync(s_patience, ct);
        }
        catch (Exception e) when (e is AuthenticationException or IOException or TimeoutException)
        {
            return new Finding("tls", FindingState.Bad, $"No TLS there: {e.InnerException?.Message ?? e.Message}", $"Is it plain http at this port? curl -v {target.Url}");
        }

        var day = until.ToUniversalTime().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        var isPinned = target.Pin is { } pin && pin.Replace(":", "", StringComparison.Ordinal).Equals(fingerprint, StringComparison.OrdinalIgnoreCase);
        var left = until - TimeProvider.System.GetUtcNow();
        return left <= TimeSpan.Zero ? new Finding("tls", FindingState.Bad, $"The certificate ended on {day}.", "sudo certbot renew, and let the proxy read it again")
            : !isPinned && errors != SslPolicyErrors.None ? new Finding(
                "tls", FindingState.Bad, $"The certificate (SHA-256 {fingerprint}) is not trusted: {Words(errors)}.",
                errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch) ? $"certbot certonly -d {host}" : $"The whole chain (fullchain.pem) must be served; for a self-made certificate: fluxctl login {target.Url} --pin {fingerprint}")
            : left < s_warnBefore ? new Finding("tls", FindingState.Warning, $"The certificate ends on {day}.", "sudo certbot renew, and let the proxy read it again")
            : new Finding("tls", FindingState.Good, $"{Name(tls.SslProtocol)}; the certificate is {(isPinned ? "the pinned one" : "trusted")} and valid until {day}.");
    }

    /// <summary>What the client's side speaks at best, and what arrives at fluxd.</summary>
    private static async Task<Finding> VersionsAsync(HttpClient http, ProbeAnswer probe, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/probe") { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionOrLower };
        using var answer = await http.SendAsync(request, ct);
        var found = $"HTTP/{answer.Version} to the first server, {probe.Protocol} at fluxd.";
        return probe.Protocol == "HTTP/1.0"
            ? new Finding("http", FindingState.Warning, found + " With 1.0 each request needs a connection of its own, and answers can't be streamed.", "nginx: proxy_http_version 1.1; proxy_set_header Connection \"\";")
            : new Finding("http", FindingState.Good, found);
    }

    private async Task<Finding> Http3Async(string altSvc, CancellationToken ct)
    {
        var announced = AltSvcPattern().Match(altSvc);
        if (!announced.Success)
        {
            return new Finding("http3", FindingState.Good, "HTTP/3 is not announced; HTTPS over TCP serves everything.");
        }

        var host = announced.Groups["host"].Length > 0 ? announced.Groups["host"].Value : target.Url.IdnHost;
        var port = int.Parse(announced.Groups["port"].Value, CultureInfo.InvariantCulture);
        return await SpeaksQuicAsync(host, port, ct)
            ? new Finding("http3", FindingState.Good, $"HTTP/3 is announced, and UDP port {port} answers.")
            : new Finding(
                "http3", FindingState.Warning, $"HTTP/3 is announced at UDP port {port}, but no answer comes from there: clients try it in vain, then go over TCP.",
                $"Let UDP port {port} through (sudo ufw allow {port}/udp; forward it at the router), or stop announcing it: [quic] enabled = false   Caddy: protocols h1 h2");
    }

    /// <summary>
    /// RFC 9000 (6.1) and RFC 8999: every server of QUIC answers a long packet of a version that it doesn't know with the
    /// list of those it does. So no library is needed to know that UDP passes in both directions.
    /// </summary>
    internal static async Task<bool> SpeaksQuicAsync(string host, int port, CancellationToken ct)
    {
        const int tries = 4;
        var hello = new byte[1200];
        RandomNumberGenerator.Fill(hello);
        hello[0] = 0xC0;
        BinaryPrimitives.WriteUInt32BigEndian(hello.AsSpan(1), 0x1A2A3A4A); // reserved to be unknown, RFC 9000 (15)
        hello[5] = 8; // lengths of the two connection ids
        hello[14] = 8;
        try
        {
            var server = new IPEndPoint((await Dns.GetHostAddressesAsync(host, ct))[0], port);
            using var udp = new UdpClient(0, server.AddressFamily);
            for (var i = 0; i < tries; i++)
            {
                await udp.SendAsync(hello, server, ct);
                using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
                limit.CancelAfter(s_patience / tries);
                try
                {
                    var answer = await udp.ReceiveAsync(limit.Token);

                    // Version 0 is version negotiation, and it must name the connection that we chose.
                    if (answer.Buffer is { Length: > 23 } packet && (packet[0] & 0x80) != 0 && BinaryPrimitives.ReadUInt32BigEndian(packet.AsSpan(1)) == 0
                        && packet.AsSpan(6, 8).SequenceEqual(hello.AsSpan(15, 8)))
                    {
                        return true;
                    }
                }
                catch (OperationCanceledException) when (!ct.IsCancellationRequested)
                {
                    // Lost, or nobody there: once more.
                }
            }
        }
        catch (SocketException)
        {
            // Refused, or no way there.
        }

        return false;
    }

    private static string Words(SslPolicyErrors errors) =>
        errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch) ? "it is for another name"
        : errors.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable) ? "none was shown"
        : "nobody known vouches for it";

    private static string Name(SslProtocols protocol) => protocol switch { SslProtocols.Tls13 => "TLS 1.3", SslProtocols.Tls12 => "TLS 1.2", _ => protocol.ToString() };

    [GeneratedRegex(@"h3=""(?<host>[^"":]*):(?<port>[0-9]{1,5})""")]
    private static partial Regex AltSvcPattern();
}
