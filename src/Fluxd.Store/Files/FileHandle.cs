using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Store.Catalog.References;
using Fluxd.Store.Content;

namespace Fluxd.Store.Files;

/// <summary>
/// One handle. It reads the content that it opened until handles that share its open file write or commit something
/// newer; another user's commit never changes the content under a reader. What handles write first lands in what is
/// committed then, as in any file system; after that they go on from what they committed themselves.
/// </summary>
/// <param name="ticket">Becomes the handle's: it holds what was opened.</param>
internal sealed class FileHandle(
    OpenFiles open, FileWriting writing, Principal who, OpenFile file, OpenRequest request, Committed? opened, NodeInfo? shown,
    long openedAt, Ticket ticket) : IOpenFile, ISettled
{
    private readonly CutChunk _cut = new();
    private readonly NodeInfo? _atOpening = shown;
    private NodeInfo? _shown = shown;
    private bool _hasWritten;
    private int _ended;

    public OpenAccess Access => request.Access;

    (long Content, long Size)? ISettled.Settled => file.Draft is null && Newest is { } newest && request.Access.HasFlag(OpenAccess.Read)
        ? (newest.Content.Id, newest.Content.Size)
        : null;

    private bool Writes => request.Access.HasFlag(OpenAccess.Write);

    private Committed? Newest => file.Own is { } own && own.Version > (opened?.Version ?? 0) ? own : opened;

    public ValueTask<NodeInfo> StatAsync(CancellationToken ct) => IsAsOpened
        ? new ValueTask<NodeInfo>(_atOpening!)
        : GatedAsync(async () => await writing.StatAsync(who, file, Newest, _shown, ct), ct);

    /// <summary>Nothing at all was committed since a mere reader opened the file: no need to look again.</summary>
    private bool IsAsOpened => !Writes && _atOpening is not null && file.Draft is null && ReferenceEquals(Newest, opened) && openedAt == writing.Commits;

    public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct) => ReadAsync(offset, buffer, null, ct);

    public ValueTask<int> ReadOnAsync(long offset, Memory<byte> buffer, CancellationToken ct) => ReadAsync(offset, buffer, _cut, ct);

    private async ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CutChunk? cut, CancellationToken ct)
    {
        Need(OpenAccess.Read, "reading");
        if (offset < 0)
        {
            throw FluxException.Invalid("An offset can't be negative.");
        }

        if (file.Draft is not null)
        {
            // The draft may be committed while this waits: then what it held is the newest content.
            var read = await ReadDraftAsync(offset, buffer, ct);
            if (read >= 0)
            {
                return read;
            }
        }

        // What these handles committed may be replaced and let go while it is read.
        using var reading = file.Own is null ? null : writing.Contents.Holds.TakeWide();
        return (reading is null ? opened : Newest) is not { } newest || offset >= newest.Content.Size ? 0
            : cut is null ? await writing.Contents.ReadAsync(newest.Content.Id, offset, buffer, ct)
            : await writing.Contents.ReadSomeAsync(newest.Content.Id, offset, buffer, cut, ct);
    }

    /// <summary>Apart from its caller, where its closure would be allocated by each read of committed bytes.</summary>
    /// <returns>-1 when the draft is gone.</returns>
    private ValueTask<int> ReadDraftAsync(long offset, Memory<byte> buffer, CancellationToken ct) =>
        GatedAsync(async () => file.Draft is { } draft ? await draft.ReadAsync(offset, buffer, ct) : -1, ct);

    public async ValueTask<IReadOnlyList<ChunkRef>> ChunksAsync(long offset, CancellationToken ct)
    {
        Need(OpenAccess.Read, "reading");
        using var reading = writing.Contents.Holds.TakeWide();
        return ((ISettled)this).Settled is { } settled ? await writing.Contents.RecipeAsync(settled.Content, offset, ct) : [];
    }

    public async ValueTask<ContentDigest?> FindDigestAsync(DigestAlgorithm algorithm, CancellationToken ct)
    {
        Need(OpenAccess.Read, "reading");
        using var reading = file.Own is null ? null : writing.Contents.Holds.TakeWide();
        return ((ISettled)this).Settled is { Content: > 0 } settled ? await writing.Contents.FindDigestAsync(settled.Content, algorithm, ct) : null;
    }

    public async ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken ct)
    {
        Need(OpenAccess.Write, "writing");
        if (offset < 0)
        {
            throw FluxException.Invalid("An offset can't be negative.");
        }

        // Written out: through GatedAsync each packet of an upload would allocate its closure.
        await file.Gate.WaitAsync(ct);
        try
        {
            Live();
            var isNew = file.Draft is null;
            var draft = await DraftAsync(ct);
            var at = request.Append ? draft.Length : offset;
            await AllowAsync(at + data.Length, isNew, ct);
            await writing.CutKeptAsync(file, at, ct);
            await draft.WriteAsync(at, data, ct);
            await writing.KeepWhenDueAsync(who, file, ct);
        }
        finally
        {
            file.Gate.Release();
        }
    }

    /// <summary>Takes a range of another file as it is, chunks shared, as long as it goes where this file's stream ends.</summary>
    /// <returns>How much it took.</returns>
    internal async Task<long> TakeRangeAsync(ISettled source, long fromOffset, long toOffset, long count, CancellationToken ct)
    {
        Need(OpenAccess.Write, "writing");
        var taken = 0L;
        for (var more = true; more && taken < count;)
        {
            var (from, to, most) = (fromOffset + taken, toOffset + taken, Math.Min(count - taken, FilesLimits.KeepEvery));
            var some = await GatedAsync(async () => await TakePieceAsync(source, from, to, most, ct), ct);
            more = some > 0;
            taken += some;
        }

        return taken;
    }

    private async Task<long> TakePieceAsync(ISettled source, long from, long to, long most, CancellationToken ct)
    {
        // Until the draft holds it.
        using var wide = writing.Contents.Holds.TakeWide();
        if (source.Settled is not { } settled || from < 0 || from >= settled.Size)
        {
            return 0;
        }

        var isNew = file.Draft is null;
        var draft = await DraftAsync(ct);
        var at = request.Append ? draft.Length : to;
        var some = Math.Min(most, settled.Size - from);
        if (!draft.CanStream(at, some))
        {
            return 0;
        }

        await AllowAsync(at + some, isNew, ct);
        await writing.CutKeptAsync(file, at, ct);
        await draft.AppendAsync(settled.Content, from, some, ct);
        await writing.KeepWhenDueAsync(who, file, ct);
        return some;
    }

    public async ValueTask TruncateAsync(long size, CancellationToken ct)
    {
        Need(OpenAccess.Write, "writing");
        if (size < 0)
        {
            throw FluxException.Invalid("A size can't be negative.");
        }

        await GatedAsync(
            async () =>
            {
                var isNew = file.Draft is null;
                var draft = await DraftAsync(ct);
                await AllowAsync(size, isNew, ct);
                await writing.CutKeptAsync(file, size, ct);
                await draft.TruncateAsync(size, ct);
                return true;
            },
            ct);
    }

    public async ValueTask SetAttributesAsync(AttributeChange change, CancellationToken ct)
    {
        Need(OpenAccess.Write, "writing");
        if (change.Size is { } size)
        {
            await TruncateAsync(size, ct);
        }

        await GatedAsync(
            async () =>
            {
                // They count at once, and once more with the commit, which would otherwise set the time to its own.
                if (file.Draft is not null)
                {
                    file.Pinned = OpenFiles.Merge(file.Pinned, change);
                }

                _shown = await writing.SetAttributesAsync(who, file, change, ct) ?? _shown;
                return true;
            },
            ct);
    }

    public Task FsyncAsync(CancellationToken ct) => CommitAsync(ct);

    public async Task<NodeInfo> CloseAsync(CancellationToken ct)
    {
        // With nothing to commit the node may have changed since this handle last saw it.
        var node = await CommitAsync(ct) ?? await StatAsync(ct);
        if (Interlocked.Exchange(ref _ended, 1) == 0)
        {
            await LeaveAsync();
        }

        return node;
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _ended, 1) != 0)
        {
            _cut.Dispose();
            return;
        }

        _cut.Dispose();
        await LeaveAsync();
    }

    /// <summary>Also after a close there may be something to keep: what another handle wrote behind it, and was dropped.</summary>
    private async ValueTask LeaveAsync()
    {
        await file.Gate.WaitAsync(CancellationToken.None);
        try
        {
            if (Writes && open.LeaveWriting(file))
            {
                await writing.AbandonAsync(who, file);
            }
        }
        finally
        {
            file.Gate.Release();
            open.Leave(file);
            ticket.Dispose();
        }
    }

    /// <summary>Under the gate, to write into it.</summary>
    private ValueTask<Draft> DraftAsync(CancellationToken ct)
    {
        _hasWritten = true;
        return file.Draft is { } draft ? new(draft) : writing.BeginAsync(who, file, Newest, openedAt, ct);
    }

    private ValueTask AllowAsync(long length, bool isNew, CancellationToken ct) =>
        isNew ? AllowFirstAsync(length, ct) : writing.AllowAsync(who, file, length, ct);

    /// <summary>A draft that was only begun goes again where the first write is refused: its commit would take back what others commit until then.</summary>
    private async ValueTask AllowFirstAsync(long length, CancellationToken ct)
    {
        try
        {
            await writing.AllowAsync(who, file, length, ct);
        }
        catch
        {
            await FileWriting.ForgetDraftAsync(file);
            throw;
        }
    }

    /// <returns>Null when there was nothing to commit, or no file any more.</returns>
    private async Task<NodeInfo?> CommitAsync(CancellationToken ct)
    {
        var node = Writes ? await GatedAsync(async () => await writing.CommitAsync(who, file, _hasWritten, ct), ct) : null;
        _shown = node ?? _shown;
        return node;
    }

    private async ValueTask<T> GatedAsync<T>(Func<Task<T>> work, CancellationToken ct)
    {
        Live();
        await file.Gate.WaitAsync(ct);
        try
        {
            Live();
            return await work();
        }
        finally
        {
            file.Gate.Release();
        }
    }

    private void Need(OpenAccess access, string what)
    {
        Live();
        if (!request.Access.HasFlag(access))
        {
            throw FluxException.Denied($"The file was not opened for {what}.");
        }
    }

    private void Live()
    {
        if (Volatile.Read(ref _ended) != 0)
        {
            throw FluxException.Invalid("The handle is closed.");
        }
    }
}

/// <summary>A handle that reads committed content.</summary>
internal interface ISettled
{
    /// <summary>What it reads; null while somebody writes it.</summary>
    (long Content, long Size)? Settled { get; }
}
