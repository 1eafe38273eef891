using System.Security.Cryptography;
using Fluxd.Core.Files;
using Fluxd.Testing;
using Xunit;

namespace Fluxd.EndToEnd.Http;

/// <summary>Real clients against a real listener.</summary>
[Trait("Category", "Peers")]
public sealed class ClientsTests : IAsyncLifetime
{
    private readonly HttpServer _server = new();
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("fluxd-http");
    private readonly byte[] _bytes = RandomNumberGenerator.GetBytes(9_000_000);
    private string _url = "";

    public async Task InitializeAsync()
    {
        await _server.StartAsync();
        _url = _server.Address.ToString().TrimEnd('/');
    }

    public async Task DisposeAsync()
    {
        await _server.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    private const string Bearer = "Authorization: Bearer " + HttpServer.Token;

    private string Local(string name) => Path.Combine(_folder.FullName, name);

    private async Task<string> Source()
    {
        await File.WriteAllBytesAsync(Local("source"), _bytes);
        return Local("source");
    }

    private async Task<byte[]> Stored(string path)
    {
        await using var file = await _server.Memory.OpenAsync(People.Anna, FilePath.Parse(path), new OpenRequest { Access = OpenAccess.Read }, CancellationToken.None);
        var bytes = new byte[(await file.StatAsync(CancellationToken.None)).Size];
        await file.ReadAsync(0, bytes, CancellationToken.None);
        return bytes;
    }

    private static async Task<string> Run(string program, params string[] arguments)
    {
        var (code, output, errors) = await Tool.RunAsync(program, arguments);
        Assert.True(code == 0, $"{program} ended with {code}: {errors}");
        return output;
    }

    [Fact(Timeout = 120_000)]
    public async Task Curl_uploads_by_password_resumes_a_download_and_asks_conditionally()
    {
        Assert.Equal("201", await Run("curl", "-sS", "-u", "anna:correct horse", "-T", await Source(), "-o", Local("o"), "-w", "%{http_code}", _url + "/v1/files/new/a.bin"));
        Assert.Equal(_bytes, await Stored("/new/a.bin"));
        await File.WriteAllBytesAsync(Local("part"), _bytes[..4_000_001]);
        Assert.Equal("206", await Run("curl", "-sS", "-H", Bearer, "-C", "-", "-o", Local("part"), "-w", "%{http_code}", _url + "/v1/files/new/a.bin"));
        Assert.Equal(_bytes, await File.ReadAllBytesAsync(Local("part")));
        Assert.Equal(Convert.ToHexString(_bytes.AsSpan(10, 10)), Convert.ToHexString(await RangeAsync("10-19")));
        await Run("curl", "-sS", "-H", Bearer, "--etag-save", Local("etag"), "-o", Local("x"), _url + "/v1/files/new/a.bin");
        Assert.Equal("304", await Run("curl", "-sS", "-H", Bearer, "--etag-compare", Local("etag"), "-o", Local("x2"), "-w", "%{http_code}", _url + "/v1/files/new/a.bin"));
    }

    private async Task<byte[]> RangeAsync(string range)
    {
        await Run("curl", "-sS", "-H", Bearer, "-r", range, "-o", Local("range"), _url + "/v1/files/new/a.bin");
        return await File.ReadAllBytesAsync(Local("range"));
    }

    [Fact(Timeout = 120_000)]
    public async Task Wget_continues_a_download_and_walks_a_folder()
    {
        await Run("curl", "-sS", "-H", Bearer, "-T", await Source(), "-o", Local("o"), _url + "/v1/files/w/a.bin");
        await File.WriteAllBytesAsync(Local("a.bin"), _bytes[..1_000_000]);
        await Run("wget", "-q", "-c", "--header=" + Bearer, "-O", Local("a.bin"), _url + "/v1/files/w/a.bin");
        Assert.Equal(_bytes, await File.ReadAllBytesAsync(Local("a.bin")));
        await Run("wget", "-q", "-r", "-np", "-nH", "--cut-dirs=2", "-P", Local("walk"), "--header=" + Bearer, _url + "/v1/files/w/");
        Assert.Equal(_bytes, await File.ReadAllBytesAsync(Path.Combine(Local("walk"), "w", "a.bin")));
    }

    [Fact(Timeout = 120_000)]
    public async Task Rclone_lists_and_copies_through_its_http_backend()
    {
        await Run("curl", "-sS", "-H", Bearer, "-T", await Source(), "-o", Local("o"), _url + "/v1/files/r/sub/a%20%26%20b.bin");
        string[] remote = ["--http-url", _url + "/v1/files/r/", "--http-headers", "Authorization,Bearer " + HttpServer.Token, "--config", "/dev/null"];
        Assert.Contains("sub/a & b.bin", await Run("rclone", ["lsf", "-R", ":http:", .. remote]), StringComparison.Ordinal);
        await Run("rclone", ["copy", ":http:", Local("rc"), .. remote]);
        Assert.Equal(_bytes, await File.ReadAllBytesAsync(Path.Combine(Local("rc"), "sub", "a & b.bin")));
    }

    [Fact(Timeout = 120_000)]
    public async Task Tus_js_client_uploads_in_parts_and_resumes_after_an_abort()
    {
        if (Environment.GetEnvironmentVariable("FLUXD_TEST_NODE") is not { Length: > 0 } node)
        {
            // Only the test command provides the package; it reports when it can't.
            return;
        }

        await File.WriteAllTextAsync(
            Local("up.js"),
            """
            const tus = require(process.env.NODE_MODULES + "/tus-js-client"), fs = require("fs");
            const [, , url, token, path, target] = process.argv;
            let aborted = false;
            const options = {
              endpoint: url, chunkSize: 1000000, headers: { Authorization: "Bearer " + token }, metadata: { path: target }, retryDelays: [0, 50],
              onError: e => { console.error(String(e)); process.exit(1); },
              onSuccess: () => { console.log(aborted ? "resumed" : "whole"); process.exit(0); },
              onChunkComplete: (size, done, total) => {
                if (!aborted && done > total / 2) {
                  aborted = true;
                  upload.abort().then(() => {
                    const again = new tus.Upload(fs.createReadStream(path), { ...options, uploadUrl: upload.url, uploadSize: fs.statSync(path).size });
                    again.start();
                  });
                }
              },
            };
            const upload = new tus.Upload(fs.createReadStream(path), { ...options, uploadSize: fs.statSync(path).size });
            upload.start();
            """);
        var output = await Run("env", "NODE_MODULES=" + Path.Combine(node, "node_modules"), "node", Local("up.js"), _url + "/v1/uploads", HttpServer.Token, await Source(), "/tus/a.bin");
        Assert.Equal("resumed", output.Trim());
        Assert.Equal(_bytes, await Stored("/tus/a.bin"));
    }

    [Fact(Timeout = 120_000)]
    public async Task Tar_and_curl_send_a_folder_as_one_batch()
    {
        var many = Directory.CreateDirectory(Local("many"));
        for (var i = 0; i < 300; i++)
        {
            await File.WriteAllTextAsync(Path.Combine(many.FullName, $"f{i}"), $"file {i}");
        }

        await Run("tar", "-C", _folder.FullName, "-cf", Local("many.tar"), "many");
        var lines = await Run("curl", "-sS", "-H", Bearer, "--data-binary", "@" + Local("many.tar"), "-H", "Content-Type: application/x-tar", _url + "/v1/batch?path=/b");
        Assert.Equal(301, lines.Split('\n', StringSplitOptions.RemoveEmptyEntries).Count(l => l.Contains("\"status\":201", StringComparison.Ordinal)));
        Assert.Equal("file 77", System.Text.Encoding.ASCII.GetString(await Stored("/b/many/f77")));
    }
}
