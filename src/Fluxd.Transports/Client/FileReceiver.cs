using System.Globalization;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Threading.Channels;
using Fluxd.Core;
using Microsoft.Win32.SafeHandles;

namespace Fluxd.Transports.Client;

/// <summary>
/// Receives one file in parallel pieces beside its final name, goes on after any interruption, compares the hash, and
/// only then renames. Of a file that is there in an older form, only the chunks that it lacks are asked for. The pieces
/// that are there are noted in a small text file: tag first, then one number per line.
/// </summary>
public sealed class FileReceiver(ILink link, TimeProvider clock)
{
    private sealed record Piece(int Number, long Start, int Length, IReadOnlyList<KnownStretch> Known)
    {
        public long End => Start + Length;
    }

    /// <returns>Bytes that crossed the link.</returns>
    public async Task<long> ReceiveAsync(RemoteEntry entry, string localPath, Action<ProgressReport>? report, CancellationToken ct)
    {
        var tag = entry.Tag ?? throw FluxException.Conflict("The file is being written; try again when it is complete.");
        var folder = Path.GetDirectoryName(Path.GetFullPath(localPath))!;
        Directory.CreateDirectory(folder);
        var part = Path.Combine(folder, $".{Path.GetFileName(localPath)}.fluxd-part");
        var notes = part + ".txt";
        var meter = new TransferMeter(Path.GetFileName(localPath), entry.Size, clock, report);
        var (ours, theirs) = await FetchAsync(entry, tag, localPath, part, notes, meter, ct);
        if (!ours.AsSpan().SequenceEqual(theirs))
        {
            File.Delete(notes);
            throw new FluxException(FluxError.Corrupt, "What arrived differs from the server's copy (or that changed meanwhile); run the same command again.");
        }

        File.SetLastWriteTimeUtc(part, entry.ModifiedAt.UtcDateTime);
        File.Move(part, localPath, overwrite: true);
        File.Delete(notes);
        meter.Finish();
        return meter.Moved;
    }

    /// <summary>
    /// Both hashes are made while pieces still arrive: ours of those that are there without a gap, the server's as soon
    /// as all are asked for. At the end the link would have nothing to do meanwhile.
    /// </summary>
    /// <returns>The hash of the bytes in the file, and the server's.</returns>
    private async Task<(byte[] Ours, byte[] Theirs)> FetchAsync(RemoteEntry entry, string tag, string localPath, string part, string notes, TransferMeter meter, CancellationToken ct)
    {
        var done = Done(notes, tag);
        if (done.Count == 0)
        {
            File.Delete(part);
            await File.WriteAllTextAsync(notes, tag + "\n", ct);
        }

        using var file = File.OpenHandle(part, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, FileOptions.Asynchronous);
        RandomAccess.SetLength(file, entry.Size);
        var pieces = Enumerable.Range(0, (int)((entry.Size + ClientLimits.PieceBytes - 1) / ClientLimits.PieceBytes)).ToArray();
        using var noting = new SemaphoreSlim(1);
        var arrived = Channel.CreateBounded<int>(pieces.Length + 1); // each comes once
        foreach (var number in pieces.Where(done.Contains))
        {
            meter.Skip(Length(entry, number));
            arrived.Writer.TryWrite(number);
        }

        using var older = entry.Size > ClientLimits.WholeFileBytesMax
            ? await OlderCopy.OpenAsync(localPath, (offset, stop) => link.RecipeAsync(entry.Path, tag, offset, stop), ct)
            : null;
        var (ours, theirs) = (Array.Empty<byte>(), Array.Empty<byte>());
        await Parallel.ForEachAsync(
            WorkAsync(),
            new ParallelOptions { MaxDegreeOfParallelism = ClientLimits.Parallel + 1, CancellationToken = ct }, // one hashes
            (work, stop) => new ValueTask(work(stop)));
        RandomAccess.FlushToDisk(file);
        return (ours, theirs);

        async IAsyncEnumerable<Func<CancellationToken, Task>> WorkAsync()
        {
            yield return async stop => ours = await HashAsync(entry, file, pieces.Length, arrived.Reader, stop);
            await foreach (var piece in PiecesAsync(entry, pieces.Where(number => !done.Contains(number)), older, ct))
            {
                yield return stop => ReceiveAsync(piece, stop);
            }

            yield return async stop => theirs = await link.HashAsync(entry.Path, stop);
        }

        async Task ReceiveAsync(Piece piece, CancellationToken stop)
        {
            var buffer = new byte[piece.Length];
            var moved = await FillAsync(entry, tag, piece, older, buffer, stop);
            await RandomAccess.WriteAsync(file, buffer, piece.Start, stop);
            await noting.WaitAsync(stop);
            try
            {
                // After the bytes: a note without its bytes would be a hole, which the hash would find.
                await File.AppendAllTextAsync(notes, piece.Number.ToString(CultureInfo.InvariantCulture) + "\n", stop);
            }
            finally
            {
                noting.Release();
            }

            arrived.Writer.TryWrite(piece.Number);
            meter.Add(buffer.Length, moved);
        }
    }

    /// <summary>Of the file as it is read back, piece after piece in their order, whatever order they arrive in.</summary>
    private static async Task<byte[]> HashAsync(RemoteEntry entry, SafeFileHandle file, int pieces, ChannelReader<int> arrived, CancellationToken ct)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[Math.Min(entry.Size, ClientLimits.PieceBytes)];
        var early = new HashSet<int>();
        for (var next = 0; next < pieces; next++)
        {
            while (!early.Remove(next))
            {
                early.Add(await arrived.ReadAsync(ct));
            }

            var piece = buffer.AsMemory(0, Length(entry, next));
            for (var at = 0; at < piece.Length;)
            {
                var count = await RandomAccess.ReadAsync(file, piece[at..], ((long)next * ClientLimits.PieceBytes) + at, ct);
                at += count > 0 ? count : throw new IOException("The file that is being received became shorter.");
            }

            hash.AppendData(piece.Span);
        }

        return hash.GetHashAndReset();
    }

    private static async IAsyncEnumerable<Piece> PiecesAsync(RemoteEntry entry, IEnumerable<int> wanted, OlderCopy? older, [EnumeratorCancellation] CancellationToken ct)
    {
        foreach (var number in wanted)
        {
            var start = (long)number * ClientLimits.PieceBytes;
            var length = Length(entry, number);
            yield return new Piece(number, start, length, older is null ? [] : await older.KnownAsync(start, start + length, ct));
        }
    }

    /// <returns>Bytes that came over the link; the others are copied from what is here.</returns>
    private async Task<long> FillAsync(RemoteEntry entry, string tag, Piece piece, OlderCopy? older, Memory<byte> buffer, CancellationToken ct)
    {
        var (at, moved) = (piece.Start, 0L);
        foreach (var known in piece.Known)
        {
            moved += await LoadAsync(at, known.Start);
            await older!.ReadAsync(known.From, buffer.Slice((int)(known.Start - piece.Start), known.Length), ct);
            at = known.End;
        }

        return moved + await LoadAsync(at, piece.End);

        async Task<long> LoadAsync(long start, long end)
        {
            if (start < end)
            {
                await link.ReadAsync(entry.Path, tag, start, buffer.Slice((int)(start - piece.Start), (int)(end - start)), ct);
            }

            return end - start;
        }
    }

    private static int Length(RemoteEntry entry, int piece) => (int)Math.Min(ClientLimits.PieceBytes, entry.Size - ((long)piece * ClientLimits.PieceBytes));

    private static HashSet<int> Done(string notes, string tag)
    {
        if (!File.Exists(notes) || File.ReadAllLines(notes) is not [var first, .. var rest] || first != tag)
        {
            return [];
        }

        return [.. rest.Select(line => int.TryParse(line, NumberStyles.None, CultureInfo.InvariantCulture, out var piece) ? piece : -1).Where(p => p >= 0)];
    }
}
