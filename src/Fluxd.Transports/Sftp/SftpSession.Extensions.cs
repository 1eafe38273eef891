using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using Fluxd.Core;
using Fluxd.Core.Files;

namespace Fluxd.Transports.Sftp;

public sealed partial class SftpSession
{
    private const int ExtensionNameBytesMax = 128;

    private ValueTask ExtendedAsync(uint id, ref SftpReader reader, CancellationToken ct)
    {
        var name = Encoding.UTF8.GetString(reader.ReadString(ExtensionNameBytesMax));
        return name switch
        {
            SftpExtensions.PosixRename => RenameAsync(id, ref reader, replace: true, ct),
            SftpExtensions.StatVfs => StatVfsAsync(id, PathFrom(ref reader), ct),
            SftpExtensions.FStatVfs => StatVfsAsync(id, _handles.Find(reader.ReadStringInPlace()).Path, ct),
            SftpExtensions.HardLink => HardLinkAsync(id, ref reader, ct),
            SftpExtensions.Fsync => FsyncAsync(id, ref reader, ct),
            SftpExtensions.LSetStat => SetStatAsync(id, ref reader, followLink: false, ct),
            SftpExtensions.LimitsName => LimitsAsync(id, ct),
            SftpExtensions.ExpandPath => ExpandPathAsync(id, ref reader, ct),
            SftpExtensions.CopyData => CopyDataAsync(id, ref reader, ct),
            SftpExtensions.HomeDirectory => HomeDirectoryAsync(id, ref reader, ct),
            SftpExtensions.UsersGroupsById => UsersGroupsAsync(id, ref reader, ct),
            SftpExtensions.CheckFile or SftpExtensions.CheckFileHandle => CheckFileHandleAsync(id, ref reader, ct),
            SftpExtensions.CheckFileName => CheckFileNameAsync(id, ref reader, ct),
            _ => UnsupportedAsync(id, ct),
        };
    }

    private ValueTask StatVfsAsync(uint id, FilePath path, CancellationToken ct)
    {
        return StartReadingAsync(id, path, AnswerAsync, ct);

        async ValueTask AnswerAsync(CancellationToken c)
        {
            const uint blockBytes = 4096;
            var space = await Files.SpaceAsync(Who, path, c);
            var free = (ulong)space.BytesFree / blockBytes;
            await _output.SendAsync(
                packet => packet.Start(SftpPacketType.ExtendedReply, id)
                    .UInt64(blockBytes).UInt64(blockBytes)
                    .UInt64((ulong)space.BytesTotal / blockBytes).UInt64(free).UInt64(free)
                    .UInt64((ulong)space.FilesTotal).UInt64((ulong)space.FilesFree).UInt64((ulong)space.FilesFree)
                    .UInt64(0).UInt64(0).UInt64(Limits.NameBytesMax),
                flush: true,
                c);
        }
    }

    /// <summary>A copy that shares every chunk: later changes of one name do not reach the other (documented).</summary>
    private ValueTask HardLinkAsync(uint id, ref SftpReader reader, CancellationToken ct)
    {
        var from = PathFrom(ref reader);
        var to = PathFrom(ref reader);
        return ChangeAsync(id, from, to, c => HardLinkNowAsync(from, to, c), ct);
    }

    /// <summary>As link(2): a symbolic link is linked itself, and a folder (which a copy would take whole) is refused.</summary>
    private async Task HardLinkNowAsync(FilePath from, FilePath to, CancellationToken ct)
    {
        var node = await Files.StatAsync(Who, from, followLink: false, ct);
        switch (node.Kind)
        {
            case NodeKind.Folder:
                throw FluxException.Denied("A folder can't have a second name.");
            case NodeKind.Symlink:
                await Files.MakeSymlinkAsync(Who, to, await Files.ReadLinkAsync(Who, from, ct), ct);
                break;
            default:
                await Files.CopyAsync(Who, from, to, replace: false, ct);
                break;
        }
    }

    private ValueTask LimitsAsync(uint id, CancellationToken ct) => _output.SendAsync(
        packet => packet.Start(SftpPacketType.ExtendedReply, id)
            .UInt64(SftpLimits.PacketBytesMax).UInt64(SftpLimits.ReadBytesMax).UInt64(SftpLimits.WriteBytesMax).UInt64(SftpLimits.HandlesMax),
        flush: false,
        ct);

    private ValueTask ExpandPathAsync(uint id, ref SftpReader reader, CancellationToken ct)
    {
        var path = reader.ReadPath().AsSpan();
        if (path is [(byte)'~', ..])
        {
            var slash = path.IndexOf((byte)'/');
            var user = slash < 0 ? path[1..] : path[1..slash];
            if (!user.IsEmpty && !user.SequenceEqual(Encoding.UTF8.GetBytes(Who.UserName)))
            {
                throw FluxException.NotFound("Only your own home can be named with '~'.");
            }

            path = slash < 0 ? default : path[slash..];
        }

        return ResolveAsync(id, FilePath.Parse(path), ct);
    }

    private ValueTask HomeDirectoryAsync(uint id, ref SftpReader reader, CancellationToken ct)
    {
        var user = reader.ReadString(Limits.PathBytesMax);
        return user.Length == 0 || user.AsSpan().SequenceEqual(Encoding.UTF8.GetBytes(Who.UserName))
            ? SendNameAsync(id, "/"u8.ToArray(), ct)
            : throw FluxException.NotFound("Only your own home can be asked for.");
    }

    private ValueTask CopyDataAsync(uint id, ref SftpReader reader, CancellationToken ct)
    {
        var from = _handles.FindFile(reader.ReadStringInPlace());
        var fromOffset = reader.ReadOffset();
        var count = reader.ReadOffset();
        var to = _handles.FindFile(reader.ReadStringInPlace());
        var toOffset = reader.ReadOffset();
        return CopyAsync();

        async ValueTask CopyAsync() => from.Tail = to.Tail = await StartAsync(id, Task.WhenAll(from.Tail, to.Tail), CopyNowAsync, ct);

        async ValueTask CopyNowAsync(CancellationToken c)
        {
            var copied = await Files.CopyRangeAsync(from.File, fromOffset, to.File, toOffset, count, c);
            to.Transfer?.Accepted(copied);
            await OkAsync(id, flush: true, c);
        }
    }

    private ValueTask UsersGroupsAsync(uint id, ref SftpReader reader, CancellationToken ct)
    {
        var users = ReadIds(reader.ReadStringInPlace());
        var groups = ReadIds(reader.ReadStringInPlace());
        return _output.SendAsync(packet => packet.Start(SftpPacketType.ExtendedReply, id).String(NamesOf(users)).String(NamesOf(groups)), flush: false, ct);
    }

    private static uint[] ReadIds(ReadOnlySequence<byte> packed)
    {
        if (packed.Length % 4 != 0 || packed.Length / 4 > SftpLimits.IdsPerRequestMax)
        {
            throw FluxException.Invalid("The list of ids is malformed or too long.");
        }

        var bytes = packed.ToArray();
        return Enumerable.Range(0, bytes.Length / 4).Select(i => BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(i * 4))).ToArray();
    }

    /// <summary>An empty string where the id is not known, as OpenSSH answers.</summary>
    private byte[] NamesOf(uint[] ids)
    {
        using var bytes = new MemoryStream();
        Span<byte> length = stackalloc byte[4];
        lock (_owners)
        {
            foreach (var id in ids)
            {
                var name = Encoding.UTF8.GetBytes(_owners.GetValueOrDefault(id, ""));
                BinaryPrimitives.WriteUInt32BigEndian(length, (uint)name.Length);
                bytes.Write(length);
                bytes.Write(name);
            }
        }

        return bytes.ToArray();
    }
}
