using Fluxd.Transports.Http.Wire;

namespace Fluxd.Transports.Http.Files;

internal static class FileRoutes
{
    private static readonly string[] ReadHeaders =
        ["Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "Want-Repr-Digest", "Want-Content-Digest"];

    public static readonly Route[] All =
    [
        new("GET", "/v1/files/{path*}", "A file's bytes, or a page of a folder's entries.", FileDownload.HandleAsync)
        {
            Traits = RouteTraits.Signable | RouteTraits.Transfer, Answer = typeof(NodePage), Headers = ReadHeaders,
            Query =
            [
                "version: an older version of the file", "download: 1 makes browsers save instead of show", "list: treat the path as a folder",
                "cursor: where the next page begins", "limit: entries of a page (1000)", "sort: name, modified or size", "order: asc or desc",
                "kind: file, folder or symlink", "contains: part of a name, without case",
            ],
        },
        new("HEAD", "/v1/files/{path*}", "The headers of the GET.", FileDownload.HandleAsync)
        {
            Traits = RouteTraits.Signable, Headers = ReadHeaders,
        },
        new("PUT", "/v1/files/{path*}", "Write a whole file; missing parent folders are made. 201 new, 204 replaced: durable.", FileUpload.HandleAsync)
        {
            Traits = RouteTraits.Signable | RouteTraits.Transfer, Success = 201, Answer = typeof(NodeEntry),
            Headers = ["If-Match", "If-None-Match", "Repr-Digest", "Content-Digest", "X-OC-Mtime"],
        },
        new("DELETE", "/v1/files/{path*}", "Move a file or a folder into the trash.", FileUpload.DeleteAsync)
        {
            Success = 204, Headers = ["If-Match"], Query = ["recursive: 1 removes a folder with what is in it"],
        },
    ];
}
