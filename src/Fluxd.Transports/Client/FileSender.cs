using System.Globalization;
using System.Security.Cryptography;
using Fluxd.Core;
using Fluxd.Core.Chunking;
using Fluxd.Core.Files;
using Fluxd.Transports.Http.Files;

namespace Fluxd.Transports.Client;

/// <summary>What a finished upload cost.</summary>
public sealed record SendResult(long Bytes, long BytesMoved, bool Resumed);

/// <summary>
/// Sends one file: cuts it as the server does, asks what need not be sent, sends the rest in parallel, appends the
/// recipe, compares hashes at the end. Goes on where an earlier run, or another protocol, stopped.
/// </summary>
public sealed class FileSender(ILink link, ResumeNotes notes, TimeProvider clock)
{
    private readonly ChunkPatcher _patcher = new(link);
    private int _bundleBytes = ClientLimits.BundleBytes;

    /// <summary>What is known to pass all proxies in one request; null: tried out, and halved when one refuses.</summary>
    public long? PartBytes
    {
        init => _bundleBytes = (int)Math.Clamp(value ?? ClientLimits.BundleBytes, ClientLimits.BundleBytesMin, ClientLimits.BundleBytes);
    }

    /// <summary>What one request may carry, as far as is known by now.</summary>
    internal int BundleBytes => _bundleBytes;

    /// <param name="server">Names the server and the account: part of what a resume is remembered by.</param>
    public async Task<SendResult> SendAsync(string server, string localPath, FilePath target, Action<ProgressReport>? report, CancellationToken ct)
    {
        var file = new FileInfo(localPath);
        var (size, modified) = (file.Length, file.LastWriteTimeUtc);
        var meter = new TransferMeter(file.Name, size, clock, report);
        if (size <= Math.Min(ClientLimits.WholeFileBytesMax, _bundleBytes))
        {
            var content = await File.ReadAllBytesAsync(localPath, ct);
            await link.PutAsync(target, content, SHA256.HashData(content), modified, ct);
            meter.Add(content.Length, content.Length);
            meter.Finish();
            return new SendResult(content.Length, content.Length, false);
        }

        var key = string.Join('\n', server, Path.GetFullPath(localPath), target, size.ToString(CultureInfo.InvariantCulture), modified.Ticks.ToString(CultureInfo.InvariantCulture));
        var upload = notes.Find(key) is { } id ? await link.FindUploadAsync(id, ct) : null;
        var resumed = upload is { Offset: > 0 };
        if (upload is null)
        {
            upload = await link.BeginAsync(target, size, modified, ct);
            notes.Remember(key, upload.Id);
        }

        var (hash, root) = await SendBytesAsync(localPath, size, upload, meter, ct);
        RefuseIfChanged(localPath, size, modified);
        await link.CompleteAsync(upload.Id, ct);
        notes.Forget(key);
        await CompareAsync(target, hash, root, ct);

        meter.Finish();
        return new SendResult(size, meter.Moved, resumed);
    }

    /// <summary>
    /// The server checked each chunk's hash when it came, and names a content by the chain of them. Where its chain is ours, it
    /// need not read the whole file again to say the hash of it; where it isn't (what was resumed was cut by others), it does.
    /// </summary>
    private async Task CompareAsync(FilePath target, byte[] hash, RootHash? root, CancellationToken ct)
    {
        if (root is { } ours && (await link.FindAsync(target, ct))?.Tag == ETag.Of(ours.ToArray()))
        {
            return;
        }

        var theirs = await link.HashAsync(target, ct);
        if (!theirs.AsSpan().SequenceEqual(hash))
        {
            throw new FluxException(FluxError.Corrupt, "The server's copy differs from the file; send it again.");
        }
    }

    private static void RefuseIfChanged(string localPath, long size, DateTime modified)
    {
        var now = new FileInfo(localPath);
        if (now.Length != size || now.LastWriteTimeUtc != modified)
        {
            throw FluxException.Conflict("The file changed while it was being sent; nothing was published.");
        }
    }

    /// <returns>The file's hash, and the chain of its chunks if all of them were cut here.</returns>
    private async Task<(byte[] Hash, RootHash? Root)> SendBytesAsync(string localPath, long size, RemoteUpload upload, TransferMeter meter, CancellationToken ct)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        await using var file = FileWindow.Open(localPath);
        var chunker = await FileWindow.ChunkerAsync(file, size, ct);
        await SkipAsync(file, upload.Offset, hash, ct);
        meter.Skip(upload.Offset);
        using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var offset = upload.Offset;
        RootHash? root = offset == 0 ? RootHash.Empty : null;
        var (older, newer) = (Task.CompletedTask, Task.CompletedTask);
        try
        {
            while (offset < size)
            {
                // Two travel at once and share the link: of the same size they would end together, and nothing be under way at the seam.
                var window = await FileWindow.ReadAsync(file, chunker, offset == upload.Offset ? ClientLimits.WindowBytes / 2 : ClientLimits.WindowBytes, ct);
                if (window.Length == 0)
                {
                    throw FluxException.Conflict("The file became shorter while it was being sent; nothing was published.");
                }

                hash.AppendData(window.Content.Span);
                root = window.Recipe.Aggregate(root, (chain, chunk) => chain?.Append(chunk.Hash, chunk.Length));

                // The next window's chunks travel while this one is appended, or a long link would idle at each seam.
                await older;
                (older, newer) = (newer, SendWindowAsync(upload.Id, offset, window, meter, newer, giveUp.Token));
                offset += window.Length;
            }

            await newer;
            return (hash.GetHashAndReset(), root);
        }
        catch
        {
            await giveUp.CancelAsync();
            await newer.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }
    }

    /// <summary>What the server has is read for the hash only: the end compares the whole.</summary>
    private static async Task SkipAsync(FileStream file, long count, IncrementalHash hash, CancellationToken ct)
    {
        var buffer = new byte[1 << 20];
        for (var left = count; left > 0;)
        {
            var got = await file.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, left)), ct);
            if (got == 0)
            {
                throw FluxException.Conflict("The server has more of this file than there is; remove the upload and send it again.");
            }

            hash.AppendData(buffer, 0, got);
            left -= got;
        }
    }

    private async Task SendWindowAsync(string id, long offset, FileWindow window, TransferMeter meter, Task before, CancellationToken ct)
    {
        List<int> wanted;
        try
        {
            // No base is named: the server then takes the target as it is now, and there need not be one yet.
            var have = await link.HaveAsync(id, [.. window.Recipe.Select(c => c.Hash)], null, ct);
            wanted = [.. Enumerable.Range(0, window.Recipe.Count).Where(i => !have[i])];
            var whole = have.Contains(true) ? await _patcher.PutAsync(id, offset, window, wanted, _bundleBytes, meter, ct) : wanted;
            await PutAsync(id, window, whole, meter, ct);
        }
        finally
        {
            await before; // windows are appended in their order, and none is left running behind a fault
        }

        var answer = await link.AppendAsync(id, offset, window.Recipe, ct);
        if (answer.Missing.Count > 0)
        {
            // A lease can't end while the session lives; but a server may be restored from a copy: send those once more.
            await PutAsync(id, window, [.. answer.Missing], meter, ct);
            answer = await link.AppendAsync(id, offset, window.Recipe, ct);
        }

        if (answer.Missing.Count > 0 || answer.DurableOffset != offset + window.Length)
        {
            throw FluxException.Conflict("The server did not take the file's next part; run the same command again.");
        }

        meter.Add(window.Length - wanted.Sum(i => (long)window.Recipe[i].Length), 0);
    }

    private Task PutAsync(string id, FileWindow window, List<int> wanted, TransferMeter meter, CancellationToken ct) => Parallel.ForEachAsync(
        Bundles(window, wanted, _bundleBytes),
        new ParallelOptions { MaxDegreeOfParallelism = ClientLimits.Parallel, CancellationToken = ct },
        async (bundle, stop) =>
        {
            await PutBundleAsync(id, bundle, stop);
            var bytes = bundle.Sum(c => (long)c.Bytes.Length);
            meter.Add(bytes, bytes);
        });

    private static IEnumerable<List<ChunkBytes>> Bundles(FileWindow window, List<int> wanted, int bytesMax)
    {
        var bundle = new List<ChunkBytes>();
        var bytes = 0;
        foreach (var i in wanted.DistinctBy(i => window.Recipe[i].Hash))
        {
            if (bundle.Count > 0 && bytes + window.Recipe[i].Length > bytesMax)
            {
                yield return bundle;
                (bundle, bytes) = ([], 0);
            }

            bundle.Add(new ChunkBytes(window.Recipe[i].Hash, window.Bytes[i]));
            bytes += window.Recipe[i].Length;
        }

        if (bundle.Count > 0)
        {
            yield return bundle;
        }
    }

    /// <summary>A proxy that caps bodies answers 413: the bundle is split, and later ones stay small.</summary>
    private async Task PutBundleAsync(string id, List<ChunkBytes> bundle, CancellationToken ct)
    {
        try
        {
            await link.PutChunksAsync(id, bundle, ct);
        }
        catch (FluxException error) when (error.Error == FluxError.TooLarge)
        {
            if (bundle.Count == 1)
            {
                throw new FluxException(FluxError.TooLarge, "A proxy before the server refuses even one chunk of the file; raise its limit for request bodies to 8 MB or more.", error);
            }

            _bundleBytes = Math.Max(ClientLimits.BundleBytesMin, _bundleBytes / 2);
            var half = bundle.Count / 2;
            await PutBundleAsync(id, bundle[..half], ct);
            await PutBundleAsync(id, bundle[half..], ct);
        }
    }
}
