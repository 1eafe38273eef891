using System.Globalization;

namespace Fluxd.LoadTests.House;

/// <summary>HTTP/3 by a client of others: the system's libcurl, driven by the script that the end-to-end tests use.</summary>
internal static class Http3Client
{
    private const int RoundsMax = 60;

    private static string Script => Path.Combine(AppContext.BaseDirectory, "h3curl.py");

    public static async Task<bool> IsThereAsync() => await Tool.HasAsync("python3")
        && (await Tool.RunAsync(TimeSpan.FromMinutes(1), null, null, "python3", Script, "--version")) is (0, var version) && version.Contains("nghttp3", StringComparison.Ordinal);

    /// <summary>Files one after the other, over one connection. Who asks too much asks again.</summary>
    public static async Task<IReadOnlyList<(string Path, int Status, string Hash)>> GetAsync(int port, string authorization, IReadOnlyList<string> paths, TimeSpan most)
    {
        var answers = new List<(string, int, string)>();
        for (var round = 1; paths.Count > 0; round++)
        {
            var later = new List<string>();
            foreach (var (path, status, hash) in await RunAsync(port, authorization, paths, most))
            {
                if (status is 429 or 503 && round < RoundsMax)
                {
                    later.Add(path);
                }
                else
                {
                    answers.Add((path, status, hash));
                }
            }

            paths = later;
            await Task.Delay(paths.Count > 0 ? 1000 : 0);
        }

        return answers;
    }

    /// <summary>One file, over a connection of its own.</summary>
    /// <returns>The status of the answer.</returns>
    public static async Task<int> PutAsync(int port, string authorization, string path, string file, TimeSpan most)
    {
        var (code, output) = await Tool.RunAsync(most, Authorized(authorization), null, "python3", Script, "--put", UrlOf(port, path), file);
        return code == 0 && output.Split() is ["0", "30", var status, ..]
            ? int.Parse(status, CultureInfo.InvariantCulture)
            : throw new InvalidOperationException($"the HTTP/3 client ended with {code}: {output}");
    }

    private static async Task<IEnumerable<(string Path, int Status, string Hash)>> RunAsync(int port, string authorization, IReadOnlyList<string> paths, TimeSpan most)
    {
        var urls = string.Join('\n', paths.Select(path => UrlOf(port, path)));
        var (code, output) = await Tool.RunAsync(most, Authorized(authorization), urls, "python3", Script, "--each");
        var lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        if (code != 0 || lines.Length != paths.Count)
        {
            throw new InvalidOperationException($"the HTTP/3 client ended with {code}, {lines.Length} answers for {paths.Count} requests: {string.Join('\n', lines.TakeLast(5))}");
        }

        // rv version status bytes sha256
        return lines.Select((line, i) => line.Split(' ') is ["0", "30", var status, _, var hash]
            ? (paths[i], int.Parse(status, CultureInfo.InvariantCulture), hash)
            : throw new InvalidOperationException($"HTTP/3: {paths[i]}: {line}"));
    }

    private static string UrlOf(int port, string path) => string.Create(CultureInfo.InvariantCulture, $"https://localhost:{port}/v1/files{path}");

    private static Dictionary<string, string> Authorized(string authorization) => new() { ["H3CURL_AUTHORIZATION"] = authorization };
}
