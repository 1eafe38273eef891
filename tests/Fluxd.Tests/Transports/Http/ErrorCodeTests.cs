using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;
using Fluxd.Core;
using Fluxd.Testing;
using Fluxd.Tests.Architecture;
using Fluxd.Transports.Http;
using Xunit;

namespace Fluxd.Tests.Transports.Http;

/// <summary>
/// Each code of docs/api.md is the answer to some request. Those of the core's errors have a test of their own
/// (<see cref="AccessOverHttpTests.Every_error_of_the_core_has_a_status_a_code_and_a_transfer"/>); these are HTTP's.
/// </summary>
public sealed partial class ErrorCodeTests : HttpTest
{
    private const string Tus = "Tus-Resumable: 1.0.0";
    private const string TusBody = "Content-Type: application/offset+octet-stream";
    private const string DraftBody = "Content-Type: application/partial-upload";

    private readonly HashSet<string> _answered = [];

    [Fact(Timeout = 120_000)]
    public async Task Every_code_of_the_documentation_is_answered_and_none_besides()
    {
        await Client.PutAsync("/v1/files/a", new ByteArrayContent([1, 2, 3]));
        await Expect(405, "method_not_allowed", "PATCH", "/v1/whoami", null);
        await Expect(415, "unsupported_type", "POST", "/v1/folders", [1], "Content-Type: text/plain");
        await Expect(416, "range_not_satisfiable", "GET", "/v1/files/a", null, "Range: bytes=9-");
        await Expect(412, "precondition_failed", "PUT", "/v1/files/a", [1], "If-None-Match: *");

        var tus = await Begin("/v1/uploads", Tus, "Upload-Length: 10", "Upload-Metadata: path L3R1cw==");
        await Expect(412, "tus_version", "PATCH", tus, [1], "Tus-Resumable: 0.2.2", TusBody, "Upload-Offset: 0");
        await Expect(409, "offset_mismatch", "PATCH", tus, [1], Tus, TusBody, "Upload-Offset: 3");
        await Expect(460, "checksum_mismatch", "PATCH", tus, [1], Tus, TusBody, "Upload-Offset: 0", "Upload-Checksum: sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        await Expect(411, "length_required", "PATCH", tus, null, Tus, TusBody, "Transfer-Encoding: chunked", "Upload-Offset: 0", "Upload-Checksum: sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA=");

        var draft = await Begin("/v1/uploads?path=/draft", "Upload-Complete: ?0", "Upload-Length: 1", "Upload-Draft-Interop-Version: 8");
        await Expect(400, "inconsistent_length", "PATCH", draft, [1, 2], DraftBody, "Upload-Offset: 0", "Upload-Complete: ?1");
        (await Send("PATCH", draft, [1], DraftBody, "Upload-Offset: 0", "Upload-Complete: ?1")).EnsureSuccessStatusCode();
        await Expect(400, "completed_upload", "PATCH", draft, [], DraftBody, "Upload-Offset: 1", "Upload-Complete: ?1");

        await Expect(426, "https_required", "GET", "/v1/files/a", null, "X-Forwarded-For: 203.0.113.7");

        await using var broken = new HttpServer();
        broken.Files = FailingFiles.Make(broken.Memory, new InvalidOperationException("A bug, on purpose."));
        await broken.StartAsync();
        using var client = broken.Client();
        await Note(500, "internal", await client.GetAsync("/v1/files/a"));

        Assert.Equal(
            Documented().Order(),
            _answered.Append("too_slow").Concat(Enum.GetValues<FluxError>().Select(error => HttpErrors.Map(error).Code)).Distinct().Order());
    }

    [Fact(Timeout = 240_000)]
    public async Task A_body_that_stops_coming_is_told_so()
    {
        using var raw = await RawHttp.ConnectAsync(Server.Address);
        await raw.WriteAsync($"PUT /v1/files/slow HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {HttpServer.Token}\r\nContent-Length: 100\r\n\r\nsome");
        var answer = await raw.ReadToEndAsync();
        Assert.StartsWith("HTTP/1.1 408 ", answer, StringComparison.Ordinal);
        Assert.Contains("\"too_slow\"", answer, StringComparison.Ordinal);
    }

    private async Task<string> Begin(string url, params string[] headers) => (await Send("POST", url, [], headers)).EnsureSuccessStatusCode().Headers.Location!.OriginalString;

    private async Task Expect(int status, string code, string method, string url, byte[]? body, params string[] headers) =>
        await Note(status, code, await Send(method, url, body, headers));

    private async Task Note(int status, string code, HttpResponseMessage answer)
    {
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal((status, code), ((int)answer.StatusCode, problem.GetProperty("code").GetString()));
        Assert.NotEmpty(problem.GetProperty("detail").GetString()!);
        _answered.Add(code);
    }

    /// <summary>Of the table of errors.</summary>
    private static IEnumerable<string> Documented() => Row().Matches(File.ReadAllText(Repository.PathOf("docs/api.md")))
        .SelectMany(row => Code().Matches(row.Groups[1].Value)).Select(code => code.Groups[1].Value);

    [GeneratedRegex(@"^\| \d{3}[ \d]* \| (.*) \|$", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex("`([a-z_]+)`")]
    private static partial Regex Code();
}
