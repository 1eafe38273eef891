using System.Buffers;
using System.Diagnostics;
using System.Security.Cryptography;
using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Core.Transfers;
using Fluxd.Core.Uploads;
using Fluxd.Transports.Http.Uploads;

namespace Fluxd.Transports.Http.Files;

/// <summary>PUT: the file under its name when 201 or 204 is answered, durable; before that, nothing of it.</summary>
internal static class FileUpload
{
    public static async Task HandleAsync(Exchange x, CancellationToken ct)
    {
        if (x.Path.IsRoot || x.HasTrailingSlash)
        {
            throw new FluxException(FluxError.IsFolder, "A file's name can't end with '/'; make folders with POST /v1/folders.");
        }

        if (x.Request.Headers.ContentRange.Count > 0)
        {
            throw FluxException.Invalid("A PUT sends the whole file; send parts through /v1/uploads.");
        }

        if (x.Header("Upload-Complete") is not null)
        {
            await DraftUploads.CreateAsync(x, x.Path, ct);
            return;
        }

        var condition = Conditions.ForWrite(x);
        try
        {
            var (node, existed) = x.Request.ContentLength is <= HttpLimits.SmallPutBytes && condition == Precondition.None
                ? await SmallAsync(x, ct)
                : await SessionAsync(x, condition, ct);
            await DoneAsync(x, node, existed, ct);
        }
        catch (FluxException error)
        {
            throw Conditions.Translate(error, condition);
        }
    }

    private static Task DoneAsync(Exchange x, NodeInfo node, bool existed, CancellationToken ct)
    {
        x.Response.Headers.ETag = ETag.Of(node.ContentTag.Span);
        if (existed)
        {
            return x.AnswerAsync(204);
        }

        x.Response.Headers.Location = HttpPaths.FilesUrl(x.Path);
        return x.NodeAsync(201, x.Path, node, ct);
    }

    /// <summary>A small file goes through an open file: one transaction.</summary>
    private static async Task<(NodeInfo Node, bool Existed)> SmallAsync(Exchange x, CancellationToken ct)
    {
        var files = x.Services.Files;
        var expected = Expected(x);
        var length = (int)x.Request.ContentLength!.Value;
        var rented = ArrayPool<byte>.Shared.Rent(length);
        var body = rented.AsMemory(0, length);
        await SmallBody.ReadAsync(x.Request.BodyReader, body, ct);
        Verify(expected, body.Span);
        x.Begin("upload").Accepted(length);
        var existed = await ExistsAsync(x, ct);
        var request = new OpenRequest
        {
            Access = OpenAccess.Write,
            Create = true,
            Truncate = true,
            Frontend = "http",
            TransferId = x.Transfer!.Id,
            Attributes = Attributes(x),
        };
        var file = await OpenAsync(files, x, request, ct);
        NodeInfo node;
        await using (file)
        {
            var started = Stopwatch.GetTimestamp();
            await file.WriteAsync(0, body, ct);
            if (Attributes(x) is { } attributes)
            {
                await file.SetAttributesAsync(attributes, ct);
            }

            node = await file.CloseAsync(ct);
            x.Transfer.Durable(length, Stopwatch.GetElapsedTime(started));
        }

        ArrayPool<byte>.Shared.Return(rented); // only where all went well: then nobody looks at it any more
        return (node, existed);
    }

    private static async Task<IOpenFile> OpenAsync(IFiles files, Exchange x, OpenRequest request, CancellationToken ct)
    {
        try
        {
            return await files.OpenAsync(x.Who, x.Path, request, ct);
        }
        catch (FluxException error) when (error.Error == FluxError.NotFound && !x.Path.Parent.IsRoot)
        {
            await files.MakeFolderAsync(x.Who, x.Path.Parent, null, parents: true, ct);
            return await files.OpenAsync(x.Who, x.Path, request, ct);
        }
    }

    private static async ValueTask<bool> ExistsAsync(Exchange x, CancellationToken ct)
    {
        try
        {
            await x.Services.Files.StatAsync(x.Who with { Scopes = x.Who.Scopes | Core.Accounts.Scopes.Read }, x.Path, followLink: true, ct);
            return true;
        }
        catch (FluxException error) when (error.Error is FluxError.NotFound or FluxError.NotFolder)
        {
            return false;
        }
    }

    /// <summary>A large one, or one with conditions, is an upload session that this request begins and finishes.</summary>
    private static async Task<(NodeInfo Node, bool Existed)> SessionAsync(Exchange x, Precondition condition, CancellationToken ct)
    {
        var existed = await ExistsAsync(x, ct);
        var transfer = x.Begin("upload");
        var uploads = x.Services.Uploads;
        var upload = await uploads.CreateAsync(
            x.Who,
            new UploadRequest
            {
                Target = x.Path,
                Size = x.Request.ContentLength,
                ExpectedDigest = Expected(x),
                Precondition = condition,
                Attributes = Attributes(x),
                MakeParents = true,
                Frontend = "http",
                TransferId = transfer.Id,
            },
            ct);
        try
        {
            var durable = await UploadBytes.AppendAsync(x, upload.Id, 0, ct);
            if (x.Request.ContentLength is null)
            {
                await uploads.SetSizeAsync(x.Who, upload.Id, durable, ct);
            }

            var done = await uploads.CompleteAsync(x.Who, upload.Id, ct);
            return (done.Result ?? throw new InvalidOperationException("A completed upload has no result."), existed);
        }
        catch (Exception error)
        {
            await AbandonAsync(x, upload.Id, error);
            throw;
        }
    }

    /// <summary>A long prefix stays for a resume through /v1/uploads; the rest would only be litter.</summary>
    private static async Task AbandonAsync(Exchange x, UploadId id, Exception error)
    {
        // The client may be gone: its token must not stop the cleaning.
        var ct = CancellationToken.None;
        try
        {
            var info = await x.Services.Uploads.GetAsync(x.Who, id, ct);
            var refused = error is FluxException { Error: FluxError.Conflict or FluxError.Exists or FluxError.Invalid or FluxError.IsFolder or FluxError.NotFolder };
            if (refused || info.DurableOffset < HttpLimits.KeepPartialBytes)
            {
                await x.Services.Uploads.CancelAsync(x.Who, id, ct);
            }
        }
        catch (FluxException)
        {
            // The first error is the one to tell.
        }
    }

    public static ContentDigest? Expected(Exchange x) => Digests.Read(x.Header("Repr-Digest")) ?? Digests.Read(x.Header("Content-Digest"));

    /// <summary>X-OC-Mtime in seconds, as many clients send it.</summary>
    private static AttributeChange? Attributes(Exchange x) => x.Header("X-OC-Mtime") is { } text
        ? long.TryParse(text, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var seconds) && seconds < 9_000_000_000
            ? new AttributeChange { ModifiedAt = FileTime.FromSeconds(seconds) }
            : throw FluxException.Invalid("X-OC-Mtime must be whole seconds since 1970.")
        : null;

    public static void Verify(ContentDigest? expected, ReadOnlySpan<byte> body)
    {
        if (expected is null)
        {
            return;
        }

        using var hash = Digests.Start(expected.Algorithm);
        hash.AppendData(body);
        if (!CryptographicOperations.FixedTimeEquals(hash.GetHashAndReset(), expected.Value.Span))
        {
            throw FluxException.Conflict("The bytes that arrived don't match the digest that was sent; send them again.");
        }
    }

    public static async Task DeleteAsync(Exchange x, CancellationToken ct)
    {
        var condition = Conditions.ForWrite(x);
        try
        {
            if (x.HasTrailingSlash)
            {
                await x.Services.Files.RemoveFolderAsync(x.Who, x.Path, x.QueryFlag("recursive"), ct);
            }
            else
            {
                await RemoveAsync(x.Services.Files, x.Who, x.Path, condition, x.QueryFlag("recursive"), ct);
            }
        }
        catch (FluxException error)
        {
            throw Conditions.Translate(error, condition);
        }

        await x.AnswerAsync(204);
    }

    public static async Task RemoveAsync(IFiles files, Core.Accounts.Principal who, FilePath path, Precondition condition, bool recursive, CancellationToken ct)
    {
        try
        {
            await files.RemoveFileAsync(who, path, condition, ct);
        }
        catch (FluxException error) when (error.Error == FluxError.IsFolder)
        {
            await files.RemoveFolderAsync(who, path, recursive, ct);
        }
    }
}
