using System.Text.Json;
using Fluxd.Core;
using Fluxd.Core.Feed;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Transports.Http.Files;
using Fluxd.Transports.Http.Uploads;
using Fluxd.Transports.Http.Wire;

namespace Fluxd.Transports.Http.Feed;

/// <summary>Applies pushed operations one by one, each with its own result.</summary>
internal sealed class PushRunner(Exchange x)
{
    private readonly Dictionary<string, PushResult> _done = new(StringComparer.Ordinal);

    private IFiles Files => x.Services.Files;

    public async Task<PushResult> RunAsync(PushOperation operation, CancellationToken ct)
    {
        if (string.IsNullOrEmpty(operation.Id) || operation.Id.Length > 128)
        {
            throw FluxException.Invalid("Each operation needs an \"id\" of 1 to 128 characters.");
        }

        if ((_done.GetValueOrDefault(operation.Id) ?? await FindAsync(operation.Id, ct)) is { } before)
        {
            return before with { Result = "duplicate" };
        }

        var result = await TryAsync(operation, ct);
        if (result.Result is "applied" or "duplicate")
        {
            _done[operation.Id] = result;
        }

        return result;
    }

    /// <summary>Before the push is answered, so that what a client was told is known after a restart. What was done is kept even if the client left.</summary>
    public Task KeepAsync() => x.Api.Push.KeepAsync(
        x.Who.UserId,
        [.. _done.Values.Select(result => new PushedAnswer(result.Id, JsonSerializer.Serialize(result, WireJson.Default.PushResult)))],
        CancellationToken.None);

    private async ValueTask<PushResult?> FindAsync(string operation, CancellationToken ct) =>
        await x.Api.Push.FindAsync(x.Who.UserId, operation, ct) is { } text ? JsonSerializer.Deserialize(text, WireJson.Default.PushResult) : null;

    private async Task<PushResult> TryAsync(PushOperation operation, CancellationToken ct)
    {
        try
        {
            var path = HttpPaths.FromText(operation.Path);
            var current = await StatAsync(path, ct);
            if (AlreadyDone(operation, current))
            {
                return Result(operation, "duplicate", path, current);
            }

            return operation.BaseVersion is { } seen && seen != (current?.Version ?? 0) && operation.Op is not "mkdir"
                ? await ConflictAsync(operation, path, current, ct)
                : await DoAsync(operation, path, ct);
        }
        catch (FluxException error)
        {
            return await FailedAsync(operation, error, ct);
        }
    }

    /// <summary>What the operation wants is so already: a replay whose first answer was lost, also over a restart.</summary>
    private static bool AlreadyDone(PushOperation operation, NodeInfo? current) => operation.Op switch
    {
        "mkdir" => current?.Kind == NodeKind.Folder,
        "remove" => current is null,
        _ => false,
    };

    private async Task<PushResult> DoAsync(PushOperation operation, FilePath path, CancellationToken ct)
    {
        switch (operation.Op)
        {
            case "mkdir":
                return Result(operation, "applied", path, await Files.MakeFolderAsync(x.Who, path, null, parents: true, ct));
            case "move":
                var to = HttpPaths.FromText(operation.To);
                return Result(operation, "applied", to, await Files.RenameAsync(x.Who, path, to, replace: false, ct));
            case "remove":
                var condition = operation.BaseVersion is > 0 and { } version ? new Precondition { Version = version } : Precondition.None;
                await FileUpload.RemoveAsync(Files, x.Who, path, condition, recursive: true, ct);
                return new PushResult { Id = operation.Id, Result = "applied" };
            case "setattr":
                var change = FolderRoutes.Change(operation.Mode, operation.ModifiedAt);
                return Result(operation, "applied", path, await Files.SetAttributesAsync(x.Who, path, change, followLink: false, ct));
            case "put":
                return await PutAsync(operation, path, ct);
            default:
                throw FluxException.Invalid("\"op\" must be put, mkdir, move, remove or setattr.");
        }
    }

    private async Task<PushResult> PutAsync(PushOperation operation, FilePath path, CancellationToken ct)
    {
        if (operation.Upload is { } text)
        {
            var id = UploadId.TryParse(text, out var parsed) ? parsed : throw FluxException.NotFound("There is no such upload.");
            var info = await x.Services.Uploads.GetAsync(x.Who, id, ct);
            if (!info.Target.Equals(path))
            {
                throw FluxException.Invalid("The upload was begun for another path.");
            }

            var word = info.State == UploadState.Completed ? "duplicate" : "applied";
            return Result(operation, word, path, (await x.Services.Uploads.CompleteAsync(x.Who, id, ct)).Result);
        }

        return await PutRecipeAsync(operation, path, DeltaRoutes.Recipe(operation.Recipe ?? throw FluxException.Invalid("A put names an \"upload\" or a \"recipe\".")), ct);
    }

    private async Task<PushResult> PutRecipeAsync(PushOperation operation, FilePath path, List<ChunkRef> recipe, CancellationToken ct)
    {
        var uploads = x.Services.Uploads;
        var info = await uploads.CreateAsync(
            x.Who,
            new UploadRequest
            {
                Target = path,
                Size = recipe.Sum(c => (long)c.Length),
                MakeParents = true,
                Frontend = "http",
                TransferId = x.Transfer?.Id,
                Attributes = FolderRoutes.Change(operation.Mode, operation.ModifiedAt),
                Precondition = operation.BaseVersion switch
                {
                    null => Precondition.None,
                    0 => Precondition.MustNotExist,
                    { } version => new Precondition { Version = version },
                },
            },
            ct);
        try
        {
            await x.Services.Chunks.HaveAsync(x.Who, info.Id, [.. recipe.Select(c => c.Hash)], path, ct);
            var answer = await x.Services.Chunks.AppendAsync(x.Who, info.Id, 0, recipe, ct);
            if (answer.Missing.Count == 0)
            {
                return Result(operation, "applied", path, (await uploads.CompleteAsync(x.Who, info.Id, ct)).Result);
            }

            await uploads.CancelAsync(x.Who, info.Id, ct);
            return new PushResult { Id = operation.Id, Result = "missing", Missing = answer.Missing };
        }
        catch (FluxException)
        {
            await uploads.CancelAsync(x.Who, info.Id, CancellationToken.None);
            throw;
        }
    }

    private async Task<PushResult> FailedAsync(PushOperation operation, FluxException error, CancellationToken ct) => error.Error switch
    {
        FluxError.Denied => new PushResult { Id = operation.Id, Result = "denied", Detail = error.Message },
        FluxError.Missing => new PushResult { Id = operation.Id, Result = "missing", Detail = error.Message },
        FluxError.Conflict or FluxError.Exists or FluxError.NotEmpty =>
            (await ConflictAsync(operation, HttpPaths.FromText(operation.Op == "move" ? operation.To : operation.Path), null, ct)) with { Detail = error.Message },
        _ => new PushResult { Id = operation.Id, Result = "failed", Detail = error.Message },
    };

    private async Task<PushResult> ConflictAsync(PushOperation operation, FilePath path, NodeInfo? known, CancellationToken ct) =>
        Result(operation, "conflict", path, known ?? await StatAsync(path, ct));

    private async ValueTask<NodeInfo?> StatAsync(FilePath path, CancellationToken ct)
    {
        try
        {
            return await Files.StatAsync(x.Who, path, followLink: false, ct);
        }
        catch (FluxException error) when (error.Error is FluxError.NotFound or FluxError.NotFolder)
        {
            return null;
        }
    }

    private static PushResult Result(PushOperation operation, string word, FilePath path, NodeInfo? node) =>
        new() { Id = operation.Id, Result = word, Current = node is null ? null : NodeEntry.From(path, node) };
}
