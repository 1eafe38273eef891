using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics;
using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Core.Transfers;

namespace Fluxd.Transports.Sftp;

public sealed partial class SftpSession
{
    private ValueTask OpenAsync(uint id, ref SftpReader reader, CancellationToken ct)
    {
        var path = PathFrom(ref reader);
        var flags = (SftpOpenFlags)reader.ReadUInt32();
        var attributes = SftpAttributes.Read(ref reader);
        _handles.CheckRoom();
        var request = RequestOf(flags, attributes);
        return StartChangingAsync(id, path, null, async c => await OpenNowAsync(id, path, request, c), ct);
    }

    private static OpenRequest RequestOf(SftpOpenFlags flags, AttributeChange attributes)
    {
        var writes = flags.HasFlag(SftpOpenFlags.Write) || flags.HasFlag(SftpOpenFlags.Append);
        var reads = flags.HasFlag(SftpOpenFlags.Read) || !writes;
        var truncate = flags.HasFlag(SftpOpenFlags.Truncate);
        return new OpenRequest
        {
            Access = (reads ? OpenAccess.Read : 0) | (writes ? OpenAccess.Write : 0),
            Create = flags.HasFlag(SftpOpenFlags.Create),
            Exclusive = flags.HasFlag(SftpOpenFlags.Exclusive),
            Truncate = truncate,
            Append = flags.HasFlag(SftpOpenFlags.Append),
            ContinuePartial = !truncate,
            Attributes = attributes with { Size = null },
            Frontend = "sftp",
        };
    }

    private async Task OpenNowAsync(uint id, FilePath path, OpenRequest request, CancellationToken ct)
    {
        var transfer = _services.Transfers?.Begin("sftp", Who.UserName, _client.PeerText, request.Access.HasFlag(OpenAccess.Write) ? "write" : "read");
        try
        {
            var file = await Files.OpenAsync(Who, path, request with { TransferId = transfer?.Id }, ct);
            var number = _handles.Add(new SftpFileHandle { Path = path, File = file, Transfer = transfer });
            await SendHandleAsync(id, number, ct);
        }
        catch (FluxException error)
        {
            transfer?.End($"refused: {error.Error}");
            transfer?.Dispose();
            throw;
        }
    }

    private ValueTask SendHandleAsync(uint id, uint number, CancellationToken ct) => _output.SendAsync(
        packet =>
        {
            Span<byte> name = stackalloc byte[4];
            BinaryPrimitives.WriteUInt32BigEndian(name, number);
            packet.Start(SftpPacketType.Handle, id).String(name);
        },
        flush: true,
        ct);

    private ValueTask ReadAsync(uint id, ref SftpReader reader, CancellationToken ct)
    {
        var handle = _handles.FindFile(reader.ReadStringInPlace());
        var offset = reader.ReadOffset();
        var count = (int)Math.Min(reader.ReadUInt32(), SftpLimits.ReadBytesMax);
        return ReadNowAsync(id, handle, offset, count, ct);
    }

    private async ValueTask ReadNowAsync(uint id, SftpFileHandle handle, long offset, int count, CancellationToken ct)
    {
        try
        {
            if (!handle.Tail.IsCompleted)
            {
                await handle.Tail;
            }

            var got = await _output.SendDataAsync(id, handle.File, offset, count, ct);
            handle.Transfer?.Accepted(got);
        }
        catch (FluxException error)
        {
            handle.Transfer?.Note($"read refused: {error.Error}");
            await RefuseAsync(id, error, flush: false, ct);
        }
    }

    private ValueTask WriteAsync(uint id, ref SftpReader reader, CancellationToken ct)
    {
        var handle = _handles.FindFile(reader.ReadStringInPlace());
        var offset = reader.ReadOffset();
        return WriteNowAsync(id, handle, offset, reader.ReadStringInPlace(), ct);
    }

    /// <summary>The data goes from the channel's buffer to the file without a copy of ours.</summary>
    private async ValueTask WriteNowAsync(uint id, SftpFileHandle handle, long offset, ReadOnlySequence<byte> data, CancellationToken ct)
    {
        try
        {
            if (!handle.Tail.IsCompleted)
            {
                await handle.Tail;
            }

            var started = Stopwatch.GetTimestamp();
            foreach (var part in data)
            {
                await handle.File.WriteAsync(offset, part, ct);
                offset += part.Length;
            }

            handle.Transfer?.Accepted(data.Length);
            handle.Transfer?.Waited("a write", Stopwatch.GetElapsedTime(started));
            await OkAsync(id, flush: false, ct);
        }
        catch (FluxException error)
        {
            handle.Transfer?.Note($"write refused: {error.Error}");
            await RefuseAsync(id, error, flush: false, ct);
        }
    }

    private ValueTask CloseAsync(uint id, ref SftpReader reader, CancellationToken ct) =>
        _handles.Remove(reader.ReadStringInPlace()) is SftpFileHandle file
            ? CloseFileAsync(id, file, ct)
            : OkAsync(id, flush: false, ct);

    /// <summary>The answer to a writer's CLOSE is the promise that its bytes are on disk.</summary>
    private async ValueTask CloseFileAsync(uint id, SftpFileHandle handle, CancellationToken ct)
    {
        var after = Task.WhenAll(handle.Tail, handle.Writes ? _order.Before(handle.Path) : Task.CompletedTask);
        var task = await StartAsync(id, after, CloseNowAsync, ct);
        if (handle.Writes)
        {
            _order.Add(task, handle.Path);
        }

        async ValueTask CloseNowAsync(CancellationToken c)
        {
            using var transfer = handle.Transfer;
            await using var file = handle.File;
            try
            {
                var started = Stopwatch.GetTimestamp();
                var node = await file.CloseAsync(c);
                if (handle.Writes)
                {
                    transfer?.Durable(node.Size, Stopwatch.GetElapsedTime(started));
                }

                transfer?.End("done");
            }
            catch (FluxException error)
            {
                transfer?.End($"close refused: {error.Error}");
                throw;
            }

            await OkAsync(id, flush: true, c);
        }
    }

    private ValueTask FStatAsync(uint id, ref SftpReader reader, CancellationToken ct)
    {
        var handle = _handles.Find(reader.ReadStringInPlace());
        return handle is SftpFileHandle file
            ? OnHandleAsync(id, file, async c => await SendAttributesAsync(id, await file.File.StatAsync(c), c), ct)
            : StartReadingAsync(id, handle.Path, async c => await SendAttributesAsync(id, await Files.StatWithPartialsAsync(Who, handle.Path, true, c), c), ct);
    }

    private ValueTask FSetStatAsync(uint id, ref SftpReader reader, CancellationToken ct)
    {
        var handle = _handles.Find(reader.ReadStringInPlace());
        var change = SftpAttributes.Read(ref reader);
        if (handle is not SftpFileHandle file)
        {
            return StartChangingAsync(id, handle.Path, null, c => SetAttributesAsync(id, handle.Path, change, true, c), ct);
        }

        return OnHandleAsync(id, file, SetAsync, ct);

        async ValueTask SetAsync(CancellationToken c)
        {
            await file.File.SetAttributesAsync(change, c);
            await OkAsync(id, flush: true, c);
        }
    }

    private ValueTask FsyncAsync(uint id, ref SftpReader reader, CancellationToken ct)
    {
        var file = _handles.FindFile(reader.ReadStringInPlace());
        return OnHandleAsync(id, file, SyncAsync, ct);

        async ValueTask SyncAsync(CancellationToken c)
        {
            await file.File.FsyncAsync(c);
            file.Transfer?.Note("fsync");
            await OkAsync(id, flush: true, c);
        }
    }

    /// <summary>In the order of arrival on one handle; reads and writes that follow wait for it.</summary>
    private async ValueTask OnHandleAsync(uint id, SftpFileHandle handle, Func<CancellationToken, ValueTask> work, CancellationToken ct) =>
        handle.Tail = await StartAsync(id, handle.Tail, work, ct);

    private ValueTask SendAttributesAsync(uint id, NodeInfo node, CancellationToken ct)
    {
        RememberOwner(node);
        return _output.SendAsync(packet => packet.Start(SftpPacketType.Attrs, id).Attributes(node), flush: true, ct);
    }

    private void RememberOwner(NodeInfo node)
    {
        lock (_owners)
        {
            if (node.OwnerName.Length > 0 && _owners.Count < SftpLimits.OwnersRememberedMax)
            {
                _owners[SftpAttributes.OwnerOf(node)] = node.OwnerName;
            }
        }
    }
}
