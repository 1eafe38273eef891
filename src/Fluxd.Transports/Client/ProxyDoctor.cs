using System.Diagnostics;
using System.Net;
using System.Text.Json;
using Fluxd.Transports.Http.Wire;

namespace Fluxd.Transports.Client;

public enum FindingState
{
    Good,
    Warning,
    Bad,
}

/// <param name="Cure">The line to add, per proxy; null when nothing is to be done.</param>
public sealed record Finding(string Name, FindingState State, string Found, string? Cure = null);

/// <summary>
/// Probes a server through its public address and says what stands on the way: names, connections, TLS, and what a proxy
/// does to uploads, answers, methods, streams and addresses. Nothing is stored on the server: /v1/probe counts bytes and
/// drops them.
/// </summary>
public sealed partial class ProxyDoctor(LinkTarget target)
{
    /// <summary>Longer than a busy machine or a distant server needs for a few bytes.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    /// <summary>After <see cref="ExamineAsync"/>: the largest body that passed where larger ones did not; null where none was refused.</summary>
    public long? PartBytes { get; private set; }

    public async Task<IReadOnlyList<Finding>> ExamineAsync(CancellationToken ct)
    {
        var findings = new List<Finding>();
        findings.AddRange(await ReachAsync(ct));
        if (findings.Any(finding => finding.State == FindingState.Bad))
        {
            // Nothing behind a name that doesn't resolve or a port that doesn't answer can be looked at.
            return findings;
        }

        await using var link = new HttpLink(target);
        var http = link.Http;
        string altSvc;
        using (var first = await http.GetAsync("/v1/probe", ct))
        {
            if (!first.IsSuccessStatusCode)
            {
                throw await LinkErrors.ReadAsync(first, ct);
            }

            altSvc = first.Headers.TryGetValues("Alt-Svc", out var values) ? string.Join(", ", values) : "";
            var probe = await ReadAsync(first, ct);
            findings.Add(Addresses(probe));
            findings.Add(target.Url.Scheme == "https" && !probe.Secure
                ? new Finding("https", FindingState.Bad, "The proxy does not say that the client came by https.", "nginx: proxy_set_header X-Forwarded-Proto $scheme;")
                : new Finding("https", FindingState.Good, probe.Secure ? "https from end to end as far as fluxd knows" : "plain http"));
            findings.Add(await VersionsAsync(http, probe, ct));
        }

        findings.Add(await BodiesAsync(http, ct));
        findings.Add(await BufferingAsync(http, ct));
        findings.Add(await AnswersAsync(http, ct));
        findings.Add(await CachingAsync(http, ct));
        findings.Add(await MethodsAsync(http, ct));
        findings.Add(await HeadersAsync(http, ct));
        findings.Add(await EventsAsync(http, ct));
        findings.Add(await Http3Async(altSvc, ct));
        return findings;
    }

    private static Finding Addresses(ProbeAnswer probe) => probe switch
    {
        { Forwarded: false } => new Finding("addresses", FindingState.Good, $"No proxy spoke up; fluxd sees {probe.Address}."),
        { Trusted: false } => new Finding("addresses", FindingState.Bad, $"A proxy at {probe.Address} forwards, and fluxd does not trust it, so all clients look like one.", $"fluxd.toml: [http] trusted_proxies = [\"{probe.Address}\"]"),
        _ => new Finding("addresses", FindingState.Good, $"fluxd sees your address, {probe.Address}, through a trusted proxy."),
    };

    private static async Task<Finding> MethodsAsync(HttpClient http, CancellationToken ct)
    {
        var blocked = new List<string>();
        foreach (var (method, expected) in new[] { ("PATCH", 405), ("DELETE", 405), ("PUT", 405) })
        {
            // The probe knows no such method: fluxd's own 405 carries a problem document, a proxy's does not.
            using var answer = await http.SendAsync(new HttpRequestMessage(new HttpMethod(method), "/v1/probe"), ct);
            if ((int)answer.StatusCode != expected || answer.Content.Headers.ContentType?.MediaType != "application/problem+json")
            {
                blocked.Add(method);
            }
        }

        return blocked.Count == 0
            ? new Finding("methods", FindingState.Good, "PUT, PATCH and DELETE pass.")
            : new Finding("methods", FindingState.Warning, $"{string.Join(", ", blocked)} do not pass; clients must use POST with X-HTTP-Method-Override.", "nginx: remove limit_except; a firewall may need these methods allowed");
    }

    private static async Task<Finding> HeadersAsync(HttpClient http, CancellationToken ct)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, "/v1/probe");
        request.Headers.TryAddWithoutValidation("X-Probe", new string('x', 6000));
        using var answer = await http.SendAsync(request, ct);
        return answer.StatusCode == HttpStatusCode.OK
            ? new Finding("headers", FindingState.Good, "A header of 6000 bytes passes.")
            : new Finding("headers", FindingState.Warning, "A header of 6000 bytes does not pass; uploads with long metadata may fail.", "nginx: large_client_header_buffers 4 16k;");
    }

    private static async Task<Finding> EventsAsync(HttpClient http, CancellationToken ct)
    {
        var started = Stopwatch.GetTimestamp();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(TimeSpan.FromSeconds(8));
        try
        {
            using var answer = await http.GetAsync("/v1/events", HttpCompletionOption.ResponseHeadersRead, limit.Token);
            await using var stream = await answer.Content.ReadAsStreamAsync(limit.Token);
            var count = await stream.ReadAsync(new byte[64], limit.Token);
            return count > 0
                ? new Finding("events", FindingState.Good, $"Events come through at once ({Stopwatch.GetElapsedTime(started).TotalMilliseconds:0} ms).")
                : Held();
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return Held();
        }

        static Finding Held() => new("events", FindingState.Warning, "The proxy holds the event stream back; clients will have to poll.", "nginx: proxy_buffering off;   Caddy: flush_interval -1");
    }

    private static async Task<ProbeAnswer> ReadAsync(HttpResponseMessage answer, CancellationToken ct) =>
        JsonSerializer.Deserialize(await answer.Content.ReadAsByteArrayAsync(ct), WireJson.Default.ProbeAnswer) ?? throw new IOException("The server answered with nothing.");
}
