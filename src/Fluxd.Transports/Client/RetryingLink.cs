using Fluxd.Core;
using Fluxd.Core.Chunking;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;

namespace Fluxd.Transports.Client;

/// <summary>Repeats what may succeed later, with growing, jittered pauses; a server's own Retry-After is obeyed. Owns the inner link.</summary>
public sealed class RetryingLink(ILink inner, TimeProvider clock, Action<string>? onRetry = null) : ILink
{
    public string Name => inner.Name;

    public TimeSpan Silence => inner.Silence;

    public Task<RemoteEntry?> FindAsync(FilePath path, CancellationToken ct) => RunAsync(() => inner.FindAsync(path, ct), ct);

    public IAsyncEnumerable<RemoteEntry> ListAsync(FilePath folder, CancellationToken ct) => inner.ListAsync(folder, ct);

    public Task MakeFolderAsync(FilePath path, CancellationToken ct) => RunAsync(() => inner.MakeFolderAsync(path, ct), ct);

    public Task RemoveAsync(FilePath path, bool recursive, CancellationToken ct) => RunAsync(() => inner.RemoveAsync(path, recursive, ct), ct);

    public Task MoveAsync(FilePath from, FilePath to, bool replace, CancellationToken ct) => RunAsync(() => inner.MoveAsync(from, to, replace, ct), ct);

    public Task ReadAsync(FilePath path, string tag, long offset, Memory<byte> buffer, CancellationToken ct) =>
        RunAsync(() => inner.ReadAsync(path, tag, offset, buffer, ct), ct);

    public Task<IReadOnlyList<ChunkRef>> RecipeAsync(FilePath path, string tag, long offset, CancellationToken ct) =>
        RunAsync(() => inner.RecipeAsync(path, tag, offset, ct), ct);

    public Task<byte[]> HashAsync(FilePath path, CancellationToken ct) => RunAsync(() => inner.HashAsync(path, ct), ct);

    public Task PutAsync(FilePath path, ReadOnlyMemory<byte> content, byte[] sha256, DateTimeOffset modified, CancellationToken ct) =>
        RunAsync(() => inner.PutAsync(path, content, sha256, modified, ct), ct);

    public Task<IReadOnlyList<FluxException?>> PutManyAsync(IReadOnlyList<SmallFile> files, CancellationToken ct) => RunAsync(() => inner.PutManyAsync(files, ct), ct);

    public Task<RemoteUpload> BeginAsync(FilePath path, long size, DateTimeOffset modified, CancellationToken ct) =>
        RunAsync(() => inner.BeginAsync(path, size, modified, ct), ct);

    public Task<RemoteUpload?> FindUploadAsync(string id, CancellationToken ct) => RunAsync(() => inner.FindUploadAsync(id, ct), ct);

    public Task<IReadOnlyList<bool>> HaveAsync(string id, IReadOnlyList<ChunkHash> chunks, FilePath? basePath, CancellationToken ct) =>
        RunAsync(() => inner.HaveAsync(id, chunks, basePath, ct), ct);

    public Task PutChunksAsync(string id, IReadOnlyList<ChunkBytes> chunks, CancellationToken ct) => RunAsync(() => inner.PutChunksAsync(id, chunks, ct), ct);

    public Task<byte[]> BlocksAsync(string id, IReadOnlyList<(long Offset, int Length)> places, CancellationToken ct) => RunAsync(() => inner.BlocksAsync(id, places, ct), ct);

    public Task PutPatchesAsync(string id, IReadOnlyList<ChunkPatch> patches, CancellationToken ct) => RunAsync(() => inner.PutPatchesAsync(id, patches, ct), ct);

    public Task<RecipeAppend> AppendAsync(string id, long offset, IReadOnlyList<ChunkRef> recipe, CancellationToken ct)
    {
        var after = offset + recipe.Sum(c => (long)c.Length);
        return RunAsync(
            async () =>
            {
                try
                {
                    return await inner.AppendAsync(id, offset, recipe, ct);
                }
                catch (FluxException error) when (error.Error == FluxError.Conflict)
                {
                    // The answer to an earlier try may have been lost while its work was not.
                    var now = await inner.FindUploadAsync(id, ct);
                    return now?.Offset == after ? new RecipeAppend(after, []) : throw new FluxException(error.Error, error.Message, error);
                }
            },
            ct);
    }

    public Task CompleteAsync(string id, CancellationToken ct) => RunAsync(() => inner.CompleteAsync(id, ct), ct);

    public ValueTask DisposeAsync() => inner.DisposeAsync();

    private Task<bool> RunAsync(Func<Task> work, CancellationToken ct) => RunAsync(
        async () =>
        {
            await work();
            return true;
        },
        ct);

    private async Task<T> RunAsync<T>(Func<Task<T>> work, CancellationToken ct)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await work();
            }
            catch (Exception error) when (attempt < ClientLimits.Attempts && IsWorthAnotherTry(error, ct))
            {
                var pause = Pause(attempt, (error as FluxException)?.RetryAfter);
                onRetry?.Invoke($"{error.Message} Trying again in {pause.TotalSeconds:0.0} s.");
                await Task.Delay(pause, clock, ct);
            }
        }
    }

    private static bool IsWorthAnotherTry(Exception error, CancellationToken ct) => !ct.IsCancellationRequested
        && error is FluxException { IsTransient: true } or IOException or HttpRequestException or OperationCanceledException;

    private static TimeSpan Pause(int attempt, TimeSpan? asked)
    {
        var grown = ClientLimits.FirstPause * Math.Pow(2, attempt - 1);
        var bounded = grown < ClientLimits.LongestPause ? grown : ClientLimits.LongestPause;

        // Half fixed, half random: clients that lost the same server don't come back in step.
        var jittered = bounded * (0.5 + (Random.Shared.NextDouble() / 2));
        return asked is { } least && least > jittered ? least : jittered;
    }
}
