using System.Buffers;
using System.Formats.Tar;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Transports.Http.Files;
using Fluxd.Transports.Http.Wire;

namespace Fluxd.Transports.Http.Uploads;

/// <summary>
/// Many small files in one request: a tar stream in, one line of JSON per entry out as each is durable. Files are
/// committed side by side, so that they share the store's group commits.
/// </summary>
internal static class BatchRoutes
{
    /// <summary>A pax record with the SHA-256 of an entry's bytes in hex: bytes that don't have it are refused.</summary>
    public const string DigestKey = "FLUXD.sha256";

    public static readonly Route[] All =
    [
        new("POST", "/v1/batch", "Upload many small files as one tar stream; a line of JSON per entry comes back as each is durable.", HandleAsync)
        {
            Traits = RouteTraits.Transfer, Answer = typeof(ItemResult), Query = ["path: the folder to unpack into (/)"],
        },
    ];

    private sealed record Entry(int Index, FilePath Path, TarEntryType Type, byte[] Content, string Link, AttributeChange Attributes, ContentDigest? Expected);

    private static async Task HandleAsync(Exchange x, CancellationToken ct)
    {
        x.Who.Require(Core.Accounts.Scopes.Write);
        var folder = x.Query("path") is { } path ? HttpPaths.FromText(path) : FilePath.Root;
        x.Begin("batch");
        x.Response.ContentType = "application/x-ndjson";
        x.Response.Headers.CacheControl = "no-store";
        x.Response.Headers["X-Accel-Buffering"] = "no";
        var results = Channel.CreateBounded<ItemResult>(HttpLimits.BatchParallel);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var reading = ReadAsync(x, folder, results.Writer, stop.Token);
        try
        {
            await WriteAsync(x, results.Reader, ct);
        }
        finally
        {
            await stop.CancelAsync();
            await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static async Task WriteAsync(Exchange x, ChannelReader<ItemResult> results, CancellationToken ct)
    {
        var writer = x.Response.BodyWriter;
        while (await results.WaitToReadAsync(ct))
        {
            while (results.TryRead(out var result))
            {
                await writer.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(result, WireJson.Default.ItemResult), ct);
                await writer.WriteAsync("\n"u8.ToArray(), ct);
            }

            await writer.FlushAsync(ct);
        }
    }

    /// <summary>Reads entries, hands each to a worker, and ends the results when all are answered.</summary>
    private static async Task ReadAsync(Exchange x, FilePath folder, ChannelWriter<ItemResult> results, CancellationToken ct)
    {
        var work = Channel.CreateBounded<Entry>(HttpLimits.BatchParallel);
        var folders = new FolderMemory(x);
        var workers = Enumerable.Range(0, HttpLimits.BatchParallel).Select(_ => WorkAsync(x, folders, work.Reader, results, ct)).ToList();
        Exception? failure = null;
        try
        {
            await ReadEntriesAsync(x, folder, work.Writer, results, ct);
        }
        catch (Exception error) when (error is InvalidDataException or EndOfStreamException or FormatException or IOException or ArgumentException)
        {
            await results.WriteAsync(new ItemResult(-1, "", 400, "invalid", "The body is no readable tar stream from here on; entries answered before are done.", null), ct);
        }
        catch (FluxException error)
        {
            var (status, code) = HttpErrors.Map(error.Error);
            await results.WriteAsync(new ItemResult(-1, "", status, code, error.Message, null), ct);
        }
        catch (Exception error)
        {
            failure = error;
        }

        work.Writer.Complete();
        await Task.WhenAll(workers).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        results.Complete(failure);
    }

    private static async Task ReadEntriesAsync(Exchange x, FilePath folder, ChannelWriter<Entry> work, ChannelWriter<ItemResult> results, CancellationToken ct)
    {
        await using var tar = new TarReader(x.Request.Body, leaveOpen: true);
        for (var index = 0; await tar.GetNextEntryAsync(copyData: false, ct) is { } entry; index++)
        {
            if (entry.EntryType is TarEntryType.GlobalExtendedAttributes)
            {
                continue;
            }

            if (Refusal(folder, index, entry) is { } refused)
            {
                await results.WriteAsync(refused, ct);
                continue;
            }

            await work.WriteAsync(await TakeAsync(folder, index, entry, ct), ct);
        }
    }

    private static FilePath Place(FilePath folder, string name)
    {
        var trimmed = name.StartsWith("./", StringComparison.Ordinal) ? name[2..] : name;
        return trimmed.Trim('/').Length == 0 || trimmed == "." ? folder : FilePath.From([.. folder.Names, .. HttpPaths.FromText(trimmed).Names]);
    }

    private static ItemResult? Refusal(FilePath folder, int index, TarEntry entry)
    {
        try
        {
            Place(folder, entry.Name);
            Expected(entry);
            return entry switch
            {
                { Length: > HttpLimits.BatchFileBytesMax } => Refused(413, "too_large", $"A batch carries files of at most {HttpLimits.BatchFileBytesMax} bytes; use /v1/uploads."),
                { EntryType: TarEntryType.RegularFile or TarEntryType.V7RegularFile or TarEntryType.Directory or TarEntryType.SymbolicLink } => null,
                _ => Refused(400, "invalid", "A batch carries files, folders and symbolic links only."),
            };
        }
        catch (FluxException error)
        {
            var (status, code) = HttpErrors.Map(error.Error);
            return Refused(status, code, error.Message);
        }

        ItemResult Refused(int status, string code, string detail) => new(index, entry.Name, status, code, detail, null);
    }

    private static async Task<Entry> TakeAsync(FilePath folder, int index, TarEntry entry, CancellationToken ct)
    {
        var content = new byte[entry.DataStream is null ? 0 : entry.Length];
        if (entry.DataStream is { } data)
        {
            await data.ReadExactlyAsync(content, ct);
        }

        // No permissions at all are no wish: a new file gets the usual ones, another keeps its own.
        var mode = (int)entry.Mode & 0x1FF;
        var attributes = new AttributeChange { Mode = mode == 0 ? null : mode, ModifiedAt = FileTime.From(entry.ModificationTime) };
        return new Entry(index, Place(folder, entry.Name), entry.EntryType, content, entry.LinkName, attributes, Expected(entry));
    }

    private static ContentDigest? Expected(TarEntry entry)
    {
        var sum = new byte[SHA256.HashSizeInBytes];
        return entry is not PaxTarEntry pax || !pax.ExtendedAttributes.TryGetValue(DigestKey, out var hex) ? null
            : Convert.FromHexString(hex, sum, out _, out var written) == OperationStatus.Done && written == sum.Length ? new ContentDigest(DigestAlgorithm.Sha256, sum)
            : throw FluxException.Invalid($"The record {DigestKey} holds 64 hex digits.");
    }

    private static async Task WorkAsync(Exchange x, FolderMemory folders, ChannelReader<Entry> work, ChannelWriter<ItemResult> results, CancellationToken ct)
    {
        await foreach (var entry in work.ReadAllAsync(ct))
        {
            await results.WriteAsync(await StoreAsync(x, folders, entry, ct), ct);
        }
    }

    private static async Task<ItemResult> StoreAsync(Exchange x, FolderMemory folders, Entry entry, CancellationToken ct)
    {
        try
        {
            switch (entry.Type)
            {
                case TarEntryType.Directory:
                    await folders.MakeAsync(entry.Path, ct);
                    break;
                case TarEntryType.SymbolicLink:
                    await folders.MakeAsync(entry.Path.Parent, ct);
                    await x.Services.Files.MakeSymlinkAsync(x.Who, entry.Path, Encoding.UTF8.GetBytes(entry.Link), ct);
                    break;
                default:
                    FileUpload.Verify(entry.Expected, entry.Content);
                    await folders.MakeAsync(entry.Path.Parent, ct);
                    await StoreFileAsync(x, entry, ct);
                    break;
            }

            return new ItemResult(entry.Index, "", 201, null, null, null);
        }
        catch (FluxException error)
        {
            var (status, code) = HttpErrors.Map(error.Error);
            return new ItemResult(entry.Index, entry.Path.ToString(), status, code, error.Message, null);
        }
    }

    private static async Task StoreFileAsync(Exchange x, Entry entry, CancellationToken ct)
    {
        var request = new OpenRequest { Access = OpenAccess.Write, Create = true, Truncate = true, Attributes = entry.Attributes, Frontend = "http", TransferId = x.Transfer!.Id };
        await using var file = await x.Services.Files.OpenAsync(x.Who, entry.Path, request, ct);
        await file.WriteAsync(0, entry.Content, ct);
        await file.SetAttributesAsync(entry.Attributes, ct);
        await file.CloseAsync(ct);
        x.Transfer.Durable(entry.Content.Length);
    }

    /// <summary>Makes each folder of a batch once; workers that need it meanwhile wait for the same call.</summary>
    private sealed class FolderMemory(Exchange x)
    {
        private readonly System.Collections.Concurrent.ConcurrentDictionary<FilePath, Lazy<Task>> _made = new();

        public Task MakeAsync(FilePath path, CancellationToken ct) => path.IsRoot
            ? Task.CompletedTask
            : _made.GetOrAdd(path, static (p, state) => new Lazy<Task>(() => state.x.Services.Files.MakeFolderAsync(state.x.Who, p, null, parents: true, state.ct)), (x, ct)).Value;
    }
}
