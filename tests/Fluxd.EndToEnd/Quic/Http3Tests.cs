using System.Diagnostics;
using System.Security.Cryptography;
using Fluxd.Testing.Quic;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Xunit;
using Xunit.Abstractions;

namespace Fluxd.EndToEnd.Quic;

/// <summary>Other people's HTTP/3 clients against our server.</summary>
[Trait("Category", "Peers")]
public sealed class Http3Tests(ITestOutputHelper output)
{
    [QuicFact]
    public async Task Libcurl_fetches_a_page_and_a_large_body_over_HTTP_3()
    {
        await using var server = await QuicServerFixture.Start(Serve);
        var (small, _) = await Curl($"https://localhost:{server.EndPoint.Port}/");
        Assert.Equal(["0", "30", "200"], small[..3]);
        var (large, _) = await Curl($"https://localhost:{server.EndPoint.Port}/big/50000000");
        Assert.Equal(["0", "30", "200", "50000000"], large[..4]);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(Pattern(50_000_000))), large[4]);
    }

    [QuicFact]
    public async Task Libcurl_uploads_a_large_body_over_HTTP_3()
    {
        await using var server = await QuicServerFixture.Start(Serve);
        const int Size = 60 << 20;
        var (answer, _) = await Curl($"https://localhost:{server.EndPoint.Port}/sum", Size.ToString());
        Assert.Equal(["0", "30", "200"], answer[..3]);
        var body = new byte[Size];
        for (var i = 0; i < Size; i++)
        {
            body[i] = (byte)(((i & 0xffff) * 7) + 3);
        }

        var expected = $"{Size} {Convert.ToHexStringLower(SHA256.HashData(body))}";
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.ASCII.GetBytes(expected))), answer[4]);
    }

    [QuicFact]
    public async Task A_client_that_aborts_in_the_middle_harms_nobody()
    {
        await using var server = await QuicServerFixture.Start(Serve);
        var (aborted, _) = await Curl($"https://localhost:{server.EndPoint.Port}/big/500000000", "-", 5_000_000);
        Assert.NotEqual("0", aborted[0]);
        var (next, _) = await Curl($"https://localhost:{server.EndPoint.Port}/");
        Assert.Equal("200", next[2]);
    }

    [QuicFact]
    public async Task Graceful_shutdown_does_not_lose_a_byte_of_a_running_download()
    {
        var begun = new TaskCompletionSource();
        await using var server = await QuicServerFixture.Start(app =>
        {
            app.Use(next => context =>
            {
                begun.TrySetResult();
                return next(context);
            });
            Serve(app);
        });
        var download = Curl($"https://localhost:{server.EndPoint.Port}/big/200000000");
        await begun.Task;
        await server.Frontend.StopAcceptingAsync(CancellationToken.None);
        await server.Frontend.DrainAsync(CancellationToken.None);
        await server.Frontend.AbortAsync();
        var (answer, _) = await download;
        Assert.Equal(["0", "30", "200", "200000000"], answer[..4]);
    }

    [QuicFact]
    public async Task Gtlsclient_downloads_while_it_changes_its_address_and_keys()
    {
        await using var server = await QuicServerFixture.Start(Serve);
        var folder = Directory.CreateTempSubdirectory("fluxd-quic-");
        try
        {
            var (exit, text) = await Run(
                "gtlsclient", "--quiet", "--exit-on-all-streams-close", "--change-local-addr=50ms", "--key-update=80ms", "--timeout=20s",
                $"--download={folder.FullName}", "127.0.0.1", $"{server.EndPoint.Port}", $"https://localhost:{server.EndPoint.Port}/big/60000000");
            output.WriteLine(text);
            Assert.Equal(0, exit);
            var file = Assert.Single(folder.GetFiles());
            Assert.Equal(60_000_000, file.Length);
            await using var content = file.OpenRead();
            Assert.Equal(SHA256.HashData(Pattern(60_000_000)), await SHA256.HashDataAsync(content));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static byte[] Pattern(int length)
    {
        var bytes = new byte[length];
        for (var i = 0; i < length; i++)
        {
            bytes[i] = (byte)((i * 31) >> 3);
        }

        return bytes;
    }

    private static void Serve(IApplicationBuilder app) => app.Run(async context =>
    {
        var path = context.Request.Path.Value!;
        if (path.StartsWith("/big/", StringComparison.Ordinal))
        {
            var left = int.Parse(path[5..]);
            context.Response.ContentLength = left;
            var at = 0;
            while (left > 0)
            {
                var memory = context.Response.BodyWriter.GetMemory(16384);
                var count = Math.Min(memory.Length, left);
                for (var i = 0; i < count; i++, at++)
                {
                    memory.Span[i] = (byte)((at * 31) >> 3);
                }

                context.Response.BodyWriter.Advance(count);
                left -= count;
                if ((await context.Response.BodyWriter.FlushAsync(context.RequestAborted)).IsCompleted)
                {
                    return;
                }
            }
        }
        else if (path == "/sum")
        {
            var hash = await SHA256.HashDataAsync(context.Request.Body, context.RequestAborted);
            await context.Response.WriteAsync($"{context.Request.ContentLength} {Convert.ToHexStringLower(hash)}");
        }
        else
        {
            await context.Response.WriteAsync($"hello over {context.Request.Protocol}");
        }
    });

    private async Task<(string[] Fields, string Text)> Curl(string url, string body = "-", int limit = 0)
    {
        var (_, text) = await Run("python3", Path.Combine(AppContext.BaseDirectory, "Quic", "h3curl.py"), url, body, limit.ToString());
        output.WriteLine(text);
        return (text.Trim().Split('\n')[^1].Split(' '), text);
    }

    private static async Task<(int Exit, string Text)> Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        try
        {
            var text = process.StandardOutput.ReadToEndAsync();
            var error = process.StandardError.ReadToEndAsync();
            await process.WaitForExitAsync();
            return (process.ExitCode, await text + await error);
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill();
            }
        }
    }
}
