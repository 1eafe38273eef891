using System.Globalization;
using System.Security.Cryptography;
using Fluxd.Core;

namespace Fluxd.Transports.Client;

/// <summary>
/// Receives one file in parallel pieces beside its final name, goes on after any interruption, compares the hash, and
/// only then renames. The pieces that are there are noted in a small text file: tag first, then one number per line.
/// </summary>
public sealed class FileReceiver(ILink link, TimeProvider clock)
{
    public async Task<long> ReceiveAsync(RemoteEntry entry, string localPath, Action<ProgressReport>? report, CancellationToken ct)
    {
        var tag = entry.Tag ?? throw FluxException.Conflict("The file is being written; try again when it is complete.");
        var folder = Path.GetDirectoryName(Path.GetFullPath(localPath))!;
        Directory.CreateDirectory(folder);
        var part = Path.Combine(folder, $".{Path.GetFileName(localPath)}.fluxd-part");
        var notes = part + ".txt";
        var meter = new TransferMeter(Path.GetFileName(localPath), entry.Size, clock, report);
        await FetchAsync(entry, tag, part, notes, meter, ct);
        await VerifyAsync(entry, part, notes, ct);
        File.SetLastWriteTimeUtc(part, entry.ModifiedAt.UtcDateTime);
        File.Move(part, localPath, overwrite: true);
        File.Delete(notes);
        meter.Finish();
        return meter.Moved;
    }

    private async Task FetchAsync(RemoteEntry entry, string tag, string part, string notes, TransferMeter meter, CancellationToken ct)
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

        await Parallel.ForEachAsync(
            Enumerable.Range(0, pieces).Where(p => !done.Contains(p)),
            new ParallelOptions { MaxDegreeOfParallelism = ClientLimits.Parallel, CancellationToken = ct },
            async (piece, stop) =>
            {
                var buffer = new byte[Length(entry, piece)];
                await link.ReadAsync(entry.Path, tag, (long)piece * ClientLimits.PieceBytes, buffer, stop);
                await RandomAccess.WriteAsync(file, buffer, (long)piece * ClientLimits.PieceBytes, stop);
                await noting.WaitAsync(stop);
                try
                {
                    // After the bytes: a note without its bytes would be a hole, which the hash would find.
                    await File.AppendAllTextAsync(notes, piece.ToString(CultureInfo.InvariantCulture) + "\n", stop);
                }
                finally
                {
                    noting.Release();
                }

                meter.Add(buffer.Length, buffer.Length);
            });
        RandomAccess.FlushToDisk(file);
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
        var theirs = await link.HashAsync(entry.Path, ct);
        await using var stream = new FileStream(part, FileMode.Open, FileAccess.Read, FileShare.Read, 0, FileOptions.SequentialScan | FileOptions.Asynchronous);
        var ours = await SHA256.HashDataAsync(stream, ct);
        if (!ours.AsSpan().SequenceEqual(theirs))
        {
            File.Delete(notes);
            throw new FluxException(FluxError.Corrupt, "What arrived differs from the server's copy (or that changed meanwhile); run the same command again.");
        }
    }
}
