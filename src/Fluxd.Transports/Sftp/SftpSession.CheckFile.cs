using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using Fluxd.Core;
using Fluxd.Core.Files;

namespace Fluxd.Transports.Sftp;

/// <summary>check-file of draft-ietf-secsh-filexfer-extensions: hashes of a file or of its blocks, computed where the bytes are.</summary>
public sealed partial class SftpSession
{
    private const int AlgorithmListBytesMax = 256;

    private ValueTask CheckFileHandleAsync(uint id, ref SftpReader reader, CancellationToken ct)
    {
        var file = _handles.FindFile(reader.ReadStringInPlace());
        var question = ReadQuestion(ref reader);
        return OnHandleAsync(id, file, c => AnswerHashAsync(id, file.File, question, c), ct);
    }

    private ValueTask CheckFileNameAsync(uint id, ref SftpReader reader, CancellationToken ct)
    {
        var path = PathFrom(ref reader);
        var question = ReadQuestion(ref reader);
        return StartReadingAsync(id, path, AnswerAsync, ct);

        async ValueTask AnswerAsync(CancellationToken c)
        {
            await using var file = await Files.OpenAsync(Who, path, new OpenRequest { Access = OpenAccess.Read, Frontend = "sftp" }, c);
            await AnswerHashAsync(id, file, question, c);
        }
    }

    private sealed record HashQuestion(string Wire, HashAlgorithmName Algorithm, long Start, long Length, uint BlockBytes);

    private static HashQuestion ReadQuestion(ref SftpReader reader)
    {
        var list = Encoding.ASCII.GetString(reader.ReadString(AlgorithmListBytesMax)).Split(',', StringSplitOptions.TrimEntries);
        var start = reader.ReadOffset();
        var length = reader.ReadOffset();
        var block = reader.ReadUInt32();
        var wire = Array.Find(list, HashNames.IsKnown)
            ?? throw new FluxException(FluxError.Conflict, "None of these hash algorithms is known here; md5, sha1, sha256 and sha512 are.");
        return block is 0 or >= SftpLimits.CheckFileBlockBytesMin
            ? new HashQuestion(wire, HashNames.Find(wire), start, length, block)
            : throw FluxException.Invalid($"A block must be 0 or at least {SftpLimits.CheckFileBlockBytesMin} bytes.");
    }

    private async ValueTask AnswerHashAsync(uint id, IOpenFile file, HashQuestion question, CancellationToken ct)
    {
        var size = (await file.StatAsync(ct)).Size;
        var end = question.Length == 0 ? size : Math.Min(size, question.Start + question.Length);
        var blockBytes = question.BlockBytes == 0 ? Math.Max(1, end - question.Start) : question.BlockBytes;
        if ((end - question.Start) / blockBytes > SftpLimits.CheckFileBlocksMax)
        {
            throw FluxException.Invalid("That many blocks don't fit into one answer; ask for larger blocks or a shorter range.");
        }

        var hashes = new List<byte[]>();
        for (var at = question.Start; at < end || hashes.Count == 0; at += blockBytes)
        {
            hashes.Add(await HashRangeAsync(file, question.Algorithm, at, Math.Min(end, at + blockBytes), ct));
        }

        await _output.SendAsync(
            packet =>
            {
                packet.Start(SftpPacketType.ExtendedReply, id).String(SftpExtensions.CheckFile).String(question.Wire);
                hashes.ForEach(hash => packet.Raw(hash));
            },
            flush: true,
            ct);
    }

    internal static async Task<byte[]> HashRangeAsync(IOpenFile file, HashAlgorithmName algorithm, long from, long to, CancellationToken ct)
    {
        using var hash = IncrementalHash.CreateHash(algorithm);
        var buffer = ArrayPool<byte>.Shared.Rent(SftpLimits.ReadBytesMax);
        try
        {
            while (from < to)
            {
                var got = await file.ReadAsync(from, buffer.AsMemory(0, (int)Math.Min(buffer.Length, to - from)), ct);
                if (got == 0)
                {
                    break;
                }

                hash.AppendData(buffer.AsSpan(0, got));
                from += got;
            }

            return hash.GetHashAndReset();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
