using Fluxd.Core;
using Fluxd.Core.Files;

namespace Fluxd.Transports.Sftp;

public sealed partial class SftpSession
{
    private ValueTask StatAsync(uint id, ref SftpReader reader, bool followLink, CancellationToken ct)
    {
        var path = PathFrom(ref reader);
        return StartReadingAsync(id, path, async c => await SendAttributesAsync(id, await Files.StatWithPartialsAsync(Who, path, followLink, c), c), ct);
    }

    private ValueTask SetStatAsync(uint id, ref SftpReader reader, bool followLink, CancellationToken ct)
    {
        var path = PathFrom(ref reader);
        var change = SftpAttributes.Read(ref reader);
        return StartChangingAsync(id, path, null, c => SetAttributesAsync(id, path, change, followLink, c), ct);
    }

    private async ValueTask SetAttributesAsync(uint id, FilePath path, AttributeChange change, bool followLink, CancellationToken ct)
    {
        await Files.SetAttributesAsync(Who, path, change, followLink, ct);
        await OkAsync(id, flush: true, ct);
    }

    private ValueTask OpenDirAsync(uint id, ref SftpReader reader, CancellationToken ct)
    {
        var path = PathFrom(ref reader);
        _handles.CheckRoom();
        return StartReadingAsync(id, path, OpenAsync, ct);

        async ValueTask OpenAsync(CancellationToken c)
        {
            var node = await Files.StatWithPartialsAsync(Who, path, followLink: true, c);
            if (node.Kind != NodeKind.Folder)
            {
                throw new FluxException(FluxError.NotFolder, "That is not a folder.");
            }

            await SendHandleAsync(id, _handles.Add(new SftpFolderHandle { Path = path }), c);
        }
    }

    private async ValueTask ReadDirAsync(uint id, SftpFolderHandle handle, CancellationToken ct) =>
        handle.Tail = await StartAsync(id, Task.WhenAll(handle.Tail, _order.Before(handle.Path)), c => ReadPageAsync(id, handle, c), ct);

    private ValueTask ReadDirAsync(uint id, ref SftpReader reader, CancellationToken ct) =>
        _handles.Find(reader.ReadStringInPlace()) is SftpFolderHandle folder
            ? ReadDirAsync(id, folder, ct)
            : throw new FluxException(FluxError.Conflict, "That handle is a file's.");

    private async ValueTask ReadPageAsync(uint id, SftpFolderHandle handle, CancellationToken ct)
    {
        if (handle.AtEnd)
        {
            await _output.SendStatusAsync(id, SftpStatus.Eof, "End of folder", flush: true, ct);
            return;
        }

        var isFirst = handle.Cursor is null;
        var page = await Files.ListAsync(
            Who,
            handle.Path,
            new ListRequest { Cursor = handle.Cursor, Count = SftpLimits.EntriesPerReadDir, IncludePartials = true },
            ct);
        var self = isFirst ? await Files.StatWithPartialsAsync(Who, handle.Path, followLink: true, ct) : null;
        handle.Cursor = page.Next;
        handle.AtEnd = page.Next is null;
        if (self is null && page.Entries.Count == 0)
        {
            await _output.SendStatusAsync(id, SftpStatus.Eof, "End of folder", flush: true, ct);
            return;
        }

        await _output.SendAsync(packet => WriteNames(packet, id, self, page.Entries), flush: true, ct);
    }

    private void WriteNames(SftpPacket packet, uint id, NodeInfo? self, IReadOnlyList<NodeInfo> entries)
    {
        packet.Start(SftpPacketType.Name, id).UInt32((uint)(entries.Count + (self is null ? 0 : 2)));
        if (self is not null)
        {
            WriteDots(packet, self, "."u8);
            WriteDots(packet, self, ".."u8);
        }

        foreach (var node in entries)
        {
            RememberOwner(node);
            packet.String(node.Name.Bytes).String(LongName.Of(node, _services.Clock)).Attributes(node);
        }
    }

    /// <summary>Every file system lists them, and some clients count on it.</summary>
    private static void WriteDots(SftpPacket packet, NodeInfo self, ReadOnlySpan<byte> name) =>
        packet.String(name).String(name).Attributes(self);

    private ValueTask RemoveAsync(uint id, ref SftpReader reader, CancellationToken ct)
    {
        var path = PathFrom(ref reader);
        return ChangeAsync(id, path, null, c => Files.RemoveFileAsync(Who, path, Precondition.None, c), ct);
    }

    private ValueTask MkDirAsync(uint id, ref SftpReader reader, CancellationToken ct)
    {
        var path = PathFrom(ref reader);
        var attributes = SftpAttributes.Read(ref reader) with { Size = null };
        return ChangeAsync(id, path, null, c => Files.MakeFolderAsync(Who, path, attributes, parents: false, c), ct);
    }

    private ValueTask RmDirAsync(uint id, ref SftpReader reader, CancellationToken ct)
    {
        var path = PathFrom(ref reader);
        return ChangeAsync(id, path, null, c => Files.RemoveFolderAsync(Who, path, recursive: false, c), ct);
    }

    private ValueTask RenameAsync(uint id, ref SftpReader reader, bool replace, CancellationToken ct)
    {
        var from = PathFrom(ref reader);
        var to = PathFrom(ref reader);
        return ChangeAsync(id, from, to, c => Files.RenameAsync(Who, from, to, replace, c), ct);
    }

    private ValueTask SymlinkAsync(uint id, ref SftpReader reader, CancellationToken ct)
    {
        var first = reader.ReadPath();
        var second = reader.ReadPath();
        var (target, link) = _symlinkByDraft ? (second, first) : (first, second);
        var path = FilePath.Parse(link);
        return ChangeAsync(id, path, null, c => Files.MakeSymlinkAsync(Who, path, target, c), ct);
    }

    private ValueTask ChangeAsync(uint id, FilePath path, FilePath? second, Func<CancellationToken, Task> change, CancellationToken ct)
    {
        return StartChangingAsync(id, path, second, DoAsync, ct);

        async ValueTask DoAsync(CancellationToken c)
        {
            await change(c);
            await OkAsync(id, flush: true, c);
        }
    }

    private ValueTask ReadLinkAsync(uint id, ref SftpReader reader, CancellationToken ct)
    {
        var path = PathFrom(ref reader);
        return StartReadingAsync(id, path, async c => await SendNameAsync(id, await Files.ReadLinkAsync(Who, path, c), c), ct);
    }

    private ValueTask RealPathAsync(uint id, ref SftpReader reader, CancellationToken ct)
    {
        var path = PathFrom(ref reader);
        return ResolveAsync(id, path, ct);
    }

    private ValueTask ResolveAsync(uint id, FilePath path, CancellationToken ct) =>
        StartReadingAsync(id, path, async c => await SendNameAsync(id, (await Files.ResolveAsync(Who, path, lastMayBeMissing: true, c)).ToBytes(), c), ct);

    private ValueTask SendNameAsync(uint id, ReadOnlyMemory<byte> name, CancellationToken ct) => _output.SendAsync(
        packet => packet.Start(SftpPacketType.Name, id).UInt32(1).String(name.Span).String(name.Span).UInt32(0),
        flush: true,
        ct);
}
