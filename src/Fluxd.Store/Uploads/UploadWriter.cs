using System.Buffers;
using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Store.Catalog;
using Fluxd.Store.Catalog.Index;
using Fluxd.Store.Catalog.References;
using Fluxd.Store.Files;

namespace Fluxd.Store.Uploads;

/// <summary>
/// The one current writer of a session. Bytes at the offset stream into the session's content; bytes elsewhere become
/// content of their own and join, chunks shared, when the stream reaches them. Every step runs alone and fails with
/// Fenced once a newer writer has taken the session.
/// </summary>
internal sealed class UploadWriter : IUploadWriter
{
    private readonly Trees _trees;
    private readonly IContents _contents;
    private readonly UploadHold _hold;
    private View _view;
    private readonly ChunkScope _scope;
    private UploadRow _row;
    private IContentSink? _stream;
    private RunningDigest? _digest;
    private IContentSink? _part;
    private long _partStart;
    private readonly long _allowed;
    private bool _ended;

    private UploadWriter(Trees trees, IContents contents, View view, UploadHold hold, UploadRow row, long allowed)
    {
        (_trees, _contents, _view, _hold, _row, _allowed) = (trees, contents, view, hold, row, allowed);
        _scope = view.ScopeIn(row.Root);
    }

    public UploadId Id => _row.Id;

    public long Offset => _stream?.Length ?? _row.Durable;

    /// <summary>The row as of the last step that was durable.</summary>
    internal UploadRow Row => _row;

    /// <param name="allowed">Length up to which quota is known to suffice.</param>
    public static async Task<UploadWriter> OpenAsync(
        Trees trees, IContents contents, View view, UploadHold hold, UploadRow row, long allowed, CancellationToken ct)
    {
        var writer = new UploadWriter(trees, contents, view, hold, row, allowed);
        using var step = await hold.StepAsync(ct);
        hold.WhenFenced(writer.LetGoAsync);
        if (row.Content is { } content)
        {
            writer._stream = await contents.ReopenAsync(content, row.Durable, writer._scope, ct);
        }

        if (row.Hashing is { } algorithm)
        {
            writer._digest = RunningDigest.Resume(algorithm, row.HashState, row.Durable) ?? RunningDigest.Begin(algorithm);
            await writer.CatchUpDigestAsync(ct);
        }

        return writer;
    }

    public async ValueTask WriteAsync(ReadOnlyMemory<byte> data, CancellationToken ct)
    {
        using var step = await _hold.StepAsync(ct);
        await StreamAsync(data, ct);
    }

    public async ValueTask WriteAtAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken ct)
    {
        using var step = await _hold.StepAsync(ct);
        if (data.IsEmpty)
        {
            return;
        }

        if (offset < 0)
        {
            throw FluxException.Invalid("An offset can't be negative.");
        }

        if (_part is null && offset == Offset)
        {
            await StreamAsync(data, ct);
            return;
        }

        Allow(offset + data.Length);
        if (_part is not null && _partStart + _part.Length != offset)
        {
            await EndPartAsync(ct);
        }

        if (_part is null)
        {
            (_part, _partStart) = (_contents.Begin(_scope), offset);
        }

        await _part.WriteAsync(data, ct);
    }

    public async Task<long> FlushAsync(CancellationToken ct)
    {
        using var step = await _hold.StepAsync(ct);
        return await FlushStepAsync(ct);
    }

    /// <summary>Chunks instead of bytes: appends a range of other content at the offset.</summary>
    internal async Task AppendAsync(long content, long offset, long count, CancellationToken ct)
    {
        using var step = await _hold.StepAsync(ct);
        Allow(Offset + count);
        _stream ??= _contents.Begin(_scope);
        await _stream.AppendAsync(content, offset, count, ct);
        await CatchUpDigestAsync(ct);
    }

    /// <summary>
    /// Ends the content and runs <paramref name="publish"/> in the transaction that makes it durable. Nothing that was
    /// not durable before counts.
    /// </summary>
    internal async Task<T> SealAsync<T>(Func<CatalogTransaction, ContentRef, ContentDigest?, T> publish, CancellationToken ct)
    {
        using var step = await _hold.StepAsync(ct);
        _stream ??= _contents.Begin(_scope);
        var digest = _digest?.Current();
        var result = await _stream.SealAsync((db, content) => publish(db, content, digest), ct);
        _hold.WhenFenced(null);
        await CloseAsync();
        return result;
    }

    public async ValueTask DisposeAsync()
    {
        using var hold = _hold;
        if (_ended)
        {
            return;
        }

        try
        {
            using var step = await _hold.StepAsync(CancellationToken.None);
            try
            {
                await FlushStepAsync(CancellationToken.None);
            }
            finally
            {
                _hold.WhenFenced(null);
                await CloseAsync();
            }
        }
        catch (FluxException)
        {
            // Fenced, cancelled, or the store is read-only: what was told durable is, and nothing else was promised.
        }
    }

    private async ValueTask StreamAsync(ReadOnlyMemory<byte> data, CancellationToken ct)
    {
        if (data.IsEmpty)
        {
            return;
        }

        Allow(Offset + data.Length);
        _stream ??= _contents.Begin(_scope);
        await _stream.WriteAsync(data, ct);
        _digest?.Append(data.Span);
        if (_stream.Length - _row.Durable >= FilesLimits.KeepEvery)
        {
            await FlushStepAsync(ct);
        }
    }

    private void Allow(long length)
    {
        if (_row.Size is { } size && length > size)
        {
            throw new FluxException(FluxError.TooLarge, $"The upload was announced with {size} bytes; this would make it longer.");
        }

        if (length > _allowed)
        {
            throw new FluxException(FluxError.QuotaExceeded, "The quota would be exceeded; remove something, or ask for more. What was sent stays resumable.");
        }
    }

    private async Task<long> FlushStepAsync(CancellationToken ct)
    {
        // A right that is withdrawn ends what takes a folder's room, also in the middle of a long request.
        _view = await _trees.ViewAsync(_view.Who, ct);
        _ = UploadStore.MountOf(_view, _row.Root);
        await EndPartAsync(ct);
        var joined = await JoinPartsAsync(ct);
        if (_stream is not null && (_stream.Length > _row.Durable || joined || _row.Content is null))
        {
            var state = _digest is { } digest && digest.Length == _stream.Length ? digest.Save() : null;
            _row = await _stream.FlushAsync((db, content, durable) => Keep(db, content, durable, state), ct);
        }

        return _row.Durable;
    }

    private UploadRow Keep(CatalogTransaction db, long content, long durable, byte[]? state)
    {
        var row = UploadStore.StillOpen(UploadTable.Get(db, _row.Id));
        PartTable.Cut(db, row.Id, 0, durable);
        var now = _trees.Now;
        var kept = row with
        {
            Content = content,
            Durable = durable,
            HashState = state,
            Updated = now,
            Expires = _trees.UploadExpiry(now),
        };
        if (kept.Durable > kept.Reserved && kept.Size is null)
        {
            Quotas.Reserve(db, UploadStore.MountOf(_view, row.Root), kept.Durable - row.Reserved);
            kept = kept with { Reserved = kept.Durable };
        }

        UploadTable.Update(db, kept);
        return kept;
    }

    private async Task EndPartAsync(CancellationToken ct)
    {
        if (_part is not { } part)
        {
            return;
        }

        var (start, stop) = (_partStart, _partStart + part.Length);
        await part.SealAsync(
            (db, content) =>
            {
                UploadStore.StillOpen(UploadTable.Get(db, _row.Id));
                PartTable.Add(db, _row.Id, new UploadPart(start, stop, content.Id, 0));
                if (PartTable.Of(db, _row.Id).Count > UploadLimits.PartsMax)
                {
                    throw new FluxException(FluxError.Busy, "Too many pieces came out of order; send the earlier ones first.");
                }

                return true;
            },
            ct);
        _part = null;
        await part.DisposeAsync();
    }

    /// <summary>Takes pieces that the stream has reached into it.</summary>
    private async Task<bool> JoinPartsAsync(CancellationToken ct)
    {
        // Holds the pieces, and below the content that one of them overwrites, till the stream refers to their chunks.
        using var ticket = _contents.Holds.TakeWide();
        var parts = await _trees.Catalog.ReadAsync(db => PartTable.Of(db, _row.Id), ct);
        var joined = false;
        foreach (var part in parts)
        {
            if (part.Start > Offset)
            {
                break;
            }

            _stream ??= _contents.Begin(_scope);
            if (part.Start < _stream.Length)
            {
                await OverwriteAsync(part, ticket, ct);
            }
            else
            {
                await _stream.AppendAsync(part.Content, part.From, part.Stop - part.Start, ct);
            }

            joined = true;
        }

        await CatchUpDigestAsync(ct);
        return joined;
    }

    /// <summary>The newest bytes count, also over what the stream has taken: the content is put together anew, chunks shared.</summary>
    private async Task OverwriteAsync(UploadPart part, Ticket ticket, CancellationToken ct)
    {
        var old = await _stream!.SealAsync(
            (_, content) =>
            {
                ticket.Keep(content.Id);
                return content;
            },
            ct);
        await _stream.DisposeAsync();
        _stream = _contents.Begin(_scope);
        await _stream.AppendAsync(old.Id, 0, part.Start, ct);
        await _stream.AppendAsync(part.Content, part.From, part.Stop - part.Start, ct);
        if (part.Stop < old.Size)
        {
            await _stream.AppendAsync(old.Id, part.Stop, old.Size - part.Stop, ct);
        }

        if (_digest is { } digest)
        {
            digest.Dispose();
            _digest = RunningDigest.Begin(digest.Algorithm);
        }
    }

    /// <summary>A digest goes through the bytes in order: those that came by another way are read back, once, when their turn comes.</summary>
    private async Task CatchUpDigestAsync(CancellationToken ct)
    {
        if (_digest is not { } digest || _stream is null || digest.Length >= _stream.Length)
        {
            return;
        }

        var buffer = ArrayPool<byte>.Shared.Rent(FilesLimits.CopyBytes);
        try
        {
            while (digest.Length < _stream.Length)
            {
                var got = await _stream.ReadAsync(digest.Length, buffer.AsMemory(0, FilesLimits.CopyBytes), ct);
                if (got == 0)
                {
                    throw new FluxException(FluxError.Corrupt, "The upload can't be read back; cancel it and send the file again.");
                }

                digest.Append(buffer.AsSpan(0, got));
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private async ValueTask LetGoAsync() => await CloseAsync();

    private async ValueTask CloseAsync()
    {
        _ended = true;
        _digest?.Dispose();
        if (_part is not null)
        {
            await _part.DisposeAsync();
        }

        if (_stream is not null)
        {
            await _stream.DisposeAsync();
        }
    }
}
