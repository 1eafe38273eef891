using System.Reflection;
using System.Security.Cryptography;
using System.Text;

namespace Fluxd.Transports.Http.Page;

/// <summary>The built-in page: one file, no requests to anybody else, its script and style allowed by hash.</summary>
internal static class PageRoutes
{
    private static readonly byte[] Html = Load();

    private static readonly string Policy =
        $"default-src 'none'; script-src '{Hash("script")}'; style-src '{Hash("style")}'; connect-src 'self'; img-src 'self' data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

    public static readonly Route[] All =
    [
        new("GET", "/", "The built-in page.", ShowAsync) { Traits = RouteTraits.Anonymous },
        new("HEAD", "/", "The built-in page.", ShowAsync) { Traits = RouteTraits.Anonymous },
    ];

    private static async Task ShowAsync(Exchange x, CancellationToken ct)
    {
        x.Response.ContentType = "text/html; charset=utf-8";
        x.Response.Headers.CacheControl = "no-cache";
        x.Response.Headers.ContentSecurityPolicy = Policy;
        x.Response.ContentLength = Html.Length;
        if (!x.IsHead)
        {
            await x.Response.Body.WriteAsync(Html, ct);
        }
    }

    private static byte[] Load()
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("page/index.html")
            ?? throw new InvalidOperationException("The page is not in the assembly.");
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private static string Hash(string element)
    {
        var text = Encoding.UTF8.GetString(Html);
        var start = text.IndexOf($"<{element}>", StringComparison.Ordinal) + element.Length + 2;
        var end = text.IndexOf($"</{element}>", start, StringComparison.Ordinal);
        return "sha256-" + Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(text[start..end])));
    }
}
