using System.Globalization;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Fluxd.Core;

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
        await FetchAsync(entry, tag, localPath, part, notes, meter, ct);
        await VerifyAsync(entry, part, notes, ct);
        File.SetLastWriteTimeUtc(part, entry.ModifiedAt.UtcDateTime);
        File.Move(part, localPath, overwrite: true);
        File.Delete(notes);
        meter.Finish();
        return meter.Moved;
    }

    private async Task FetchAsync(RemoteEntry entry, string tag, string localPath, string part, string notes, TransferMeter meter, CancellationToken ct)
    {
        var done = Done(notes, tag);
        if (done.Count == 0)
        {
            File.Delete(part);
            await File.WriteAllTextAsync(notes, tag + "\n", ct);
        }

        using var file = File.OpenHandle(part, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, FileOptions.Asynchronous);
        RandomAccess.SetLength(file, entry.Size);
        var pieces = (int)((entry.Size + ClientLimits.PieceBytes - 1) / ClientLimits.PieceBytes);
        using var noting = new SemaphoreSlim(1);
        foreach (var piece in done.Where(p => p < pieces))
        {
            meter.Skip(Length(entry, piece));
        }

        using var older = entry.Size > ClientLimits.WholeFileBytesMax
            ? await OlderCopy.OpenAsync(localPath, (offset, stop) => link.RecipeAsync(entry.Path, tag, offset, stop), ct)
            : null;
        await Parallel.ForEachAsync(
            PiecesAsync(entry, Enumerable.Range(0, pieces).Where(p => !done.Contains(p)), older, ct),
            new ParallelOptions { MaxDegreeOfParallelism = ClientLimits.Parallel, CancellationToken = ct },
            async (piece, stop) =>
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

                meter.Add(buffer.Length, moved);
            });
        RandomAccess.FlushToDisk(file);
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

    private async Task VerifyAsync(RemoteEntry entry, string part, string notes, CancellationToken ct)
    {
        await using var stream = new FileStream(part, FileMode.Open, FileAccess.Read, FileShare.Read, 0, FileOptions.SequentialScan | FileOptions.Asynchronous);
        var hashes = await Task.WhenAll(link.HashAsync(entry.Path, ct), SHA256.HashDataAsync(stream, ct).AsTask());
        if (!hashes[0].AsSpan().SequenceEqual(hashes[1]))
        {
            File.Delete(notes);
            throw new FluxException(FluxError.Corrupt, "What arrived differs from the server's copy (or that changed meanwhile); run the same command again.");
        }
    }
}
