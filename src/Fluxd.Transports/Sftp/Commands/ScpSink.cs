using System.Diagnostics;
using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Core.Transfers;

namespace Fluxd.Transports.Sftp.Commands;

/// <summary>
/// <c>scp -t</c>. A refused file is complained of and skipped, as OpenSSH does; a file whose bytes stop coming is
/// never published. Each file is durable before its last answer.
/// </summary>
internal sealed class ScpSink(IFiles files, RemoteCommandCall call, ScpWire wire, HashSet<char> options)
{
    private readonly bool _recursive = options.Contains('r');
    private readonly bool _keepTimes = options.Contains('p');
    private ScpLine.Times? _times;
    private int _status;

    public async Task<int> ReceiveAsync(FilePath target, CancellationToken ct)
    {
        var isFolder = await IsFolderAsync(target, ct);
        if (options.Contains('d') && !isFolder)
        {
            throw new FluxException(FluxError.NotFolder, $"\"{target}\" is not a folder.");
        }

        await wire.AcceptAsync(ct);
        await ReceiveIntoAsync(isFolder ? target : null, target, ct);
        return _status;
    }

    /// <param name="folder">Where entries go; null while the target itself is the entry's name.</param>
    private async Task ReceiveIntoAsync(FilePath? folder, FilePath target, CancellationToken ct)
    {
        while (await wire.ReadLineAsync(ct) is { } line)
        {
            switch (line)
            {
                case ScpLine.Complaint complaint:
                    _status = 1;
                    if (complaint.IsFatal)
                    {
                        return;
                    }

                    break;
                case ScpLine.Times times:
                    _times = times;
                    await wire.AcceptAsync(ct);
                    break;
                case ScpLine.Up:
                    await wire.AcceptAsync(ct);
                    return;
                case ScpLine.Entry entry:
                    await EntryAsync(entry, folder?.Append(entry.Name) ?? target, ct);
                    break;
                default:
                    throw FluxException.Invalid("scp: unexpected line.");
            }
        }
    }

    private async Task EntryAsync(ScpLine.Entry entry, FilePath path, CancellationToken ct)
    {
        var times = _times;
        _times = null;
        var attributes = new AttributeChange
        {
            Mode = entry.Mode,
            ModifiedAt = _keepTimes ? times?.ModifiedAt : null,
            AccessedAt = _keepTimes ? times?.AccessedAt : null,
        };
        if (!entry.IsFolder)
        {
            await FileAsync(entry, path, attributes, ct);
            return;
        }

        if (!_recursive)
        {
            throw FluxException.Invalid("a folder came without -r.");
        }

        if (!await IsFolderAsync(path, ct))
        {
            await files.MakeFolderAsync(call.Who, path, new AttributeChange { Mode = entry.Mode }, parents: false, ct);
        }

        await wire.AcceptAsync(ct);
        await ReceiveIntoAsync(path, path, ct);
        if (attributes.ModifiedAt is not null)
        {
            await files.SetAttributesAsync(call.Who, path, attributes, followLink: true, ct);
        }
    }

    private async Task FileAsync(ScpLine.Entry entry, FilePath path, AttributeChange attributes, CancellationToken ct)
    {
        using var transfer = call.Begin("write");
        IOpenFile file;
        try
        {
            file = await files.OpenAsync(
                call.Who,
                path,
                new OpenRequest { Access = OpenAccess.Write, Create = true, Truncate = true, Attributes = new AttributeChange { Mode = entry.Mode }, Frontend = "sftp", TransferId = transfer?.Id },
                ct);
        }
        catch (FluxException error)
        {
            transfer?.End($"refused: {error.Error}");
            await FailAsync(error, ct);
            return;
        }

        await using (file)
        {
            try
            {
                await wire.AcceptAsync(ct);
                await TakeAsync(file, entry.Size, attributes, transfer, ct);
            }
            catch (Exception gone) when (gone is OperationCanceledException or EndOfStreamException)
            {
                transfer?.End(call.Closed);
                throw;
            }
        }
    }

    private async Task TakeAsync(IOpenFile file, long size, AttributeChange attributes, ITransfer? transfer, CancellationToken ct)
    {
        var offset = 0L;
        FluxException? refused = null;
        await wire.ReceiveAsync(size, WriteAsync, ct);
        if (await wire.ReadAnswerAsync(ct) is not null)
        {
            refused ??= FluxException.Invalid("the client could not read the whole file; it was not kept.");
        }

        try
        {
            if (refused is null)
            {
                await file.SetAttributesAsync(attributes, ct);
                var started = Stopwatch.GetTimestamp();
                await file.CloseAsync(ct);
                transfer?.Durable(offset, Stopwatch.GetElapsedTime(started));
                transfer?.End("done");
                await wire.AcceptAsync(ct);
                return;
            }
        }
        catch (FluxException error)
        {
            refused = error;
        }

        transfer?.End($"refused: {refused!.Error}");
        await FailAsync(refused!, ct);

        async ValueTask WriteAsync(ReadOnlyMemory<byte> data)
        {
            // After a refusal the rest is read and dropped: the protocol has no way to stop the sender.
            if (refused is null)
            {
                try
                {
                    await file.WriteAsync(offset, data, ct);
                    offset += data.Length;
                    transfer?.Accepted(data.Length);
                }
                catch (FluxException error)
                {
                    refused = error;
                }
            }
        }
    }

    private async Task FailAsync(FluxException error, CancellationToken ct)
    {
        _status = 1;
        FluxTelemetry.Refused("sftp", error.Error);
        await wire.ComplainAsync(error.Message, ct);
    }

    private async Task<bool> IsFolderAsync(FilePath path, CancellationToken ct)
    {
        try
        {
            return (await files.StatAsync(call.Who, path, followLink: true, ct)).Kind == NodeKind.Folder;
        }
        catch (FluxException error) when (error.Error == FluxError.NotFound)
        {
            return false;
        }
    }
}
