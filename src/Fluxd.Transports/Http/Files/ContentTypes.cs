using Fluxd.Core.Files;
using Microsoft.AspNetCore.StaticFiles;

namespace Fluxd.Transports.Http.Files;

/// <summary>Types by the name's ending. Browsers are told not to guess, and what they might run is sandboxed.</summary>
internal static class ContentTypes
{
    public const string Unknown = "application/octet-stream";

    private static readonly FileExtensionContentTypeProvider Known = Make();

    private static FileExtensionContentTypeProvider Make()
    {
        var known = new FileExtensionContentTypeProvider();
        foreach (var (ending, type) in new[]
        {
            (".md", "text/markdown"), (".log", "text/plain"), (".yaml", "text/plain"), (".yml", "text/plain"), (".toml", "text/plain"), (".cs", "text/plain"),
            (".ts", "video/mp2t"), (".mkv", "video/x-matroska"), (".flac", "audio/flac"), (".opus", "audio/ogg"), (".heic", "image/heic"), (".avif", "image/avif"),
            (".jxl", "image/jxl"), (".zst", "application/zstd"), (".xz", "application/x-xz"), (".7z", "application/x-7z-compressed"), (".epub", "application/epub+zip"),
        })
        {
            known.Mappings[ending] = type;
        }

        return known;
    }

    public static string Of(FileName name)
    {
        var text = name.ToString();
        if (!Known.TryGetContentType(text, out var type))
        {
            return Unknown;
        }

        return type.StartsWith("text/", StringComparison.Ordinal) || type is "application/javascript" or "application/json" ? type + "; charset=utf-8" : type;
    }

    /// <summary>May a browser show it in place? Anything that can carry scripts is offered as a download instead.</summary>
    public static bool IsHarmlessInline(string type)
    {
        var plain = type.Split(';')[0];
        return plain is "text/plain" or "text/markdown" or "text/csv" or "application/pdf" or "application/json"
            || (plain.StartsWith("image/", StringComparison.Ordinal) && plain != "image/svg+xml")
            || plain.StartsWith("audio/", StringComparison.Ordinal) || plain.StartsWith("video/", StringComparison.Ordinal);
    }
}
