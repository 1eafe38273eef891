using System.Net;
using System.Text;
using Fluxd.Core.Files;

namespace Fluxd.Transports.Http.Files;

/// <summary>
/// A folder as a plain list of links, for browsers and for clients that read such lists (rclone's http backend, wget -r).
/// Streamed page by page, so that its size does not matter.
/// </summary>
internal static class FolderPage
{
    public static bool WantsHtml(Exchange x)
    {
        if (x.Query("format") is { } format)
        {
            return format == "html";
        }

        var accept = x.Request.Headers.Accept.ToString();
        var agent = x.Request.Headers.UserAgent.ToString();
        return accept.Contains("text/html", StringComparison.OrdinalIgnoreCase)
            || agent.StartsWith("rclone/", StringComparison.Ordinal) || agent.StartsWith("Wget/", StringComparison.Ordinal);
    }

    public static async Task SendAsync(Exchange x, ListRequest request, CancellationToken ct)
    {
        if (!x.HasTrailingSlash)
        {
            // Relative links need the slash.
            x.Response.Headers.Location = HttpPaths.FilesUrl(x.Path) + "/";
            await x.AnswerAsync(308);
            return;
        }

        x.Response.ContentType = "text/html; charset=utf-8";
        x.Response.Headers.CacheControl = "no-store";
        if (x.IsHead)
        {
            return;
        }

        var title = WebUtility.HtmlEncode(x.Path.ToString());
        await WriteAsync(x, $"<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title><h1>{title}</h1><ul>\n", ct);
        for (string? cursor = request.Cursor; ;)
        {
            var page = await x.Services.Files.ListAsync(x.Who, x.Path, request with { Cursor = cursor }, ct);
            var text = new StringBuilder();
            foreach (var node in page.Entries)
            {
                var slash = node.Kind == NodeKind.Folder ? "/" : "";
                text.Append("<li><a href=\"").Append("./").Append(HttpPaths.Encode(node.Name)).Append(slash).Append("\">")
                    .Append(WebUtility.HtmlEncode(node.Name.ToString())).Append(slash).Append("</a></li>\n");
            }

            await WriteAsync(x, text.ToString(), ct);
            if (page.Next is null)
            {
                break;
            }

            cursor = page.Next;
        }

        await WriteAsync(x, "</ul></html>\n", ct);
    }

    private static async Task WriteAsync(Exchange x, string text, CancellationToken ct) =>
        await x.Response.BodyWriter.WriteAsync(Encoding.UTF8.GetBytes(text), ct);
}
