using System.Net;
using System.Security.Cryptography;
using Fluxd.Transports.Http.Proxies;

namespace Fluxd.Transports.Client;

/// <summary>How large a body may be, and what is held back, in either direction, or answered out of a cache.</summary>
public sealed partial class ProxyDoctor
{
    /// <summary>The usual caps lie between these: 1 MiB (nginx), 10, 100 MB (Cloudflare).</summary>
    private static readonly long[] s_bodySizes = [64 << 10, 1 << 20, 2 << 20, 8 << 20, 16 << 20, 101 << 20];

    /// <summary>Above it no client of ours sends bodies, so it is not asked more exactly.</summary>
    private const long ExactUpTo = 16 << 20;

    private const long Exactness = 64 << 10;

    /// <summary>More than sockets and proxies hold on their way without meaning to.</summary>
    private const int FirstBytes = 256 << 10;

    /// <summary>Grows the body until somebody says no, then finds out how much exactly passes.</summary>
    private async Task<Finding> BodiesAsync(HttpClient http, CancellationToken ct)
    {
        var (passed, refused, status) = (0L, 0L, 0);
        foreach (var size in s_bodySizes)
        {
            (var passes, status) = await PassesAsync(http, size, ct);
            if (!passes)
            {
                refused = size;
                break;
            }

            passed = size;
        }

        if (refused == 0)
        {
            return new Finding("bodies", FindingState.Good, $"Request bodies of {passed >> 20} MiB pass.");
        }

        for (var (low, high) = (passed, refused); refused <= ExactUpTo && high - low > Exactness; passed = low)
        {
            var middle = (low + high) / 2 / Exactness * Exactness;
            (low, high) = (await PassesAsync(http, middle, ct)).Passes ? (middle, high) : (low, middle);
        }

        PartBytes = passed > 0 ? passed : null;
        return new Finding(
            "bodies",
            passed >= 8 << 20 ? FindingState.Warning : FindingState.Bad,
            $"Bodies of {passed >> 10} KiB pass, {refused >> 10} KiB don't ({(status == 0 ? "the connection was cut" : status)}). fluxctl keeps below; other clients may fail.",
            "nginx: client_max_body_size 0;   Caddy: remove request_body max_size   Traefik: maxRequestBodyBytes: 0   Cloudflare: keep parts under 100 MB");
    }

    private static async Task<(bool Passes, int Status)> PassesAsync(HttpClient http, long size, CancellationToken ct)
    {
        try
        {
            using var answer = await http.PostAsync("/v1/probe", new ZeroContent(size, Task.CompletedTask), ct);
            return (answer.IsSuccessStatusCode && (await ReadAsync(answer, ct)).BodyBytes == size, (int)answer.StatusCode);
        }
        catch (Exception error) when (error is HttpRequestException or IOException)
        {
            return (false, 0);
        }
    }

    /// <summary>Sends a beginning and asks by another request whether it has come; what is only sent on as a whole is lost as a whole.</summary>
    private static async Task<Finding> BufferingAsync(HttpClient http, CancellationToken ct)
    {
        var id = NewId();
        var rest = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var upload = http.PostAsync("/v1/probe?watch=" + id, new ZeroContent(2 * FirstBytes, rest.Task), ct);
        long seen = 0;
        try
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
            limit.CancelAfter(s_patience);
            while (seen == 0)
            {
                using var answer = await http.GetAsync("/v1/probe?seen=" + id, limit.Token);
                seen = (await ReadAsync(answer, limit.Token)).BodyBytes;
                await Task.Delay(TimeSpan.FromMilliseconds(seen == 0 ? 100 : 0), limit.Token);
            }
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            // Nothing has come: that is the answer.
        }
        finally
        {
            rest.TrySetResult();
        }

        using var done = await upload;
        return seen > 0
            ? new Finding("buffering", FindingState.Good, "Uploads reach fluxd while they are sent.")
            : new Finding(
                "buffering", FindingState.Warning, "The proxy holds uploads back until they are whole: when a connection is cut, the whole request is lost.",
                "nginx: proxy_request_buffering off;   Apache: SetEnv proxy-sendchunked 1   Traefik: remove the buffering middleware   Cloudflare: send parts (fluxctl does)");
    }

    /// <summary>Reads the beginning of an answer whose end comes only when another request asks for it.</summary>
    private static async Task<Finding> AnswersAsync(HttpClient http, CancellationToken ct)
    {
        var id = NewId();
        var held = true;
        using (var limit = CancellationTokenSource.CreateLinkedTokenSource(ct))
        {
            limit.CancelAfter(s_patience);
            try
            {
                using var answer = await http.GetAsync("/v1/probe?drip=" + id, HttpCompletionOption.ResponseHeadersRead, limit.Token);
                await using var stream = await answer.Content.ReadAsStreamAsync(limit.Token);
                held = !answer.IsSuccessStatusCode || await stream.ReadAsync(new byte[64], limit.Token) == 0;
            }
            catch (OperationCanceledException) when (!ct.IsCancellationRequested)
            {
                // It was held back.
            }
        }

        using var release = await http.GetAsync("/v1/probe?release=" + id, ct);
        return !held
            ? new Finding("answers", FindingState.Good, "Answers come while fluxd sends them.")
            : new Finding("answers", FindingState.Warning, "The proxy holds answers back: downloads begin late, and it keeps whole files on its own disk.", "nginx: proxy_buffering off;   Caddy: flush_interval -1   Traefik: responseForwarding.flushInterval: \"-1\"");
    }

    private static async Task<Finding> CachingAsync(HttpClient http, CancellationToken ct)
    {
        var (first, second) = (await NonceAsync(http, HttpMethod.Get, ct), await NonceAsync(http, HttpMethod.Get, ct));
        var (head, again) = (await NonceAsync(http, HttpMethod.Head, ct), await NonceAsync(http, HttpMethod.Head, ct));
        return first == second || head == again
            ? new Finding(
                "caching", FindingState.Bad, $"The proxy answers {(first == second ? "GET" : "HEAD")} out of a cache although it must not (no-store): people see old folders, and uploads go wrong.",
                "nginx: proxy_cache off;   Cloudflare: a cache rule \"bypass cache\" for /v1/*   Varnish: return (pass) for /v1/")
            : new Finding("caching", FindingState.Good, "Nothing comes out of a cache.");
    }

    private static async Task<string> NonceAsync(HttpClient http, HttpMethod method, CancellationToken ct)
    {
        using var answer = await http.SendAsync(new HttpRequestMessage(method, "/v1/probe"), ct);

        // A proxy that drops the header leaves nothing to compare; that is no cache.
        return answer.Headers.TryGetValues(ProbeHeader.Nonce, out var values) ? values.First() : NewId();
    }

    private static string NewId() => Convert.ToHexString(RandomNumberGenerator.GetBytes(16));

    /// <summary>Zeros of a known length that are made while they are sent, the second half when it is due.</summary>
    private sealed class ZeroContent(long length, Task secondHalf) : HttpContent
    {
        private static readonly byte[] s_zeros = new byte[64 << 10];

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            for (var left = length; left > 0; left -= s_zeros.Length)
            {
                if (left <= length / 2 && !secondHalf.IsCompleted)
                {
                    await stream.FlushAsync(cancellationToken);
                    await secondHalf.WaitAsync(cancellationToken);
                }

                await stream.WriteAsync(s_zeros.AsMemory(0, (int)Math.Min(s_zeros.Length, left)), cancellationToken);
            }
        }

        protected override bool TryComputeLength(out long computed)
        {
            computed = length;
            return true;
        }
    }
}
