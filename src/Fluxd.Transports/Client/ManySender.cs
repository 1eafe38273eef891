using System.Security.Cryptography;
using Fluxd.Core;
using Fluxd.Core.Files;

namespace Fluxd.Transports.Client;

/// <summary>A local file and the name that it shall have.</summary>
public sealed record Outgoing(string LocalPath, FilePath Target);

/// <summary>What became of one file: a result, or why there is none.</summary>
public sealed record Sent(Outgoing File, SendResult? Result, FluxException? Fault);

/// <summary>
/// Sends many files side by side. Small ones share requests, and with them the server's commits; each is answered for
/// itself. What a batch could not settle for the moment is sent alone, with the patience that one file gets.
/// </summary>
public sealed class ManySender(ILink link, FileSender single)
{
    /// <param name="done">Called for each file as it is settled; one call at a time.</param>
    public async Task SendAsync(string server, IEnumerable<Outgoing> files, Action<Sent> done, Action<ProgressReport>? report, CancellationToken ct)
    {
        var gate = new Lock();
        await Parallel.ForEachAsync(
            Loads(files),
            new ParallelOptions { MaxDegreeOfParallelism = ClientLimits.ParallelFiles, CancellationToken = ct },
            async (load, stop) =>
            {
                if (load.Count > 1)
                {
                    await SendLoadAsync(server, load, Settle, report, stop);
                }
                else
                {
                    Settle(await SendOneAsync(server, load[0], report, stop));
                }
            });

        void Settle(Sent sent)
        {
            lock (gate)
            {
                done(sent);
            }
        }
    }

    /// <summary>A large file alone, small ones together up to what proxies let through.</summary>
    private IEnumerable<List<Outgoing>> Loads(IEnumerable<Outgoing> files)
    {
        var (load, bytes) = (new List<Outgoing>(), 0L);
        foreach (var file in files)
        {
            var length = new FileInfo(file.LocalPath) is { Exists: true } info ? info.Length : 0;
            if (length > ClientLimits.BatchFileBytesMax)
            {
                yield return [file];
                continue;
            }

            if (load.Count == ClientLimits.BatchFilesMax || (load.Count > 0 && bytes + length > single.BundleBytes / 2))
            {
                yield return load;
                (load, bytes) = ([], 0);
            }

            load.Add(file);
            bytes += length;
        }

        if (load.Count > 0)
        {
            yield return load;
        }
    }

    private async Task SendLoadAsync(string server, List<Outgoing> load, Action<Sent> settle, Action<ProgressReport>? report, CancellationToken ct)
    {
        var read = new List<(Outgoing File, SmallFile Content)>();
        foreach (var file in load)
        {
            try
            {
                var content = await File.ReadAllBytesAsync(file.LocalPath, ct);
                read.Add((file, new SmallFile(file.Target, content, SHA256.HashData(content), File.GetLastWriteTimeUtc(file.LocalPath))));
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                settle(Unreadable(file, error));
            }
        }

        var faults = await PutAsync([.. read.Select(one => one.Content)], ct);
        for (var i = 0; i < read.Count; i++)
        {
            var (file, content) = read[i];
            settle(faults[i] switch
            {
                null => new Sent(file, new SendResult(content.Content.Length, content.Content.Length, false), null),
                { IsTransient: true } or { Error: FluxError.TooLarge } => await SendOneAsync(server, file, report, ct),
                var fault => new Sent(file, null, fault),
            });
        }
    }

    /// <summary>A proxy that caps bodies answers 413: the batch is split.</summary>
    private async Task<IReadOnlyList<FluxException?>> PutAsync(IReadOnlyList<SmallFile> files, CancellationToken ct)
    {
        try
        {
            return files.Count == 0 ? [] : await link.PutManyAsync(files, ct);
        }
        catch (FluxException error) when (error.Error == FluxError.TooLarge && files.Count > 1)
        {
            var half = files.Count / 2;
            return [.. await PutAsync([.. files.Take(half)], ct), .. await PutAsync([.. files.Skip(half)], ct)];
        }
        catch (FluxException error) when (error.Error == FluxError.TooLarge)
        {
            return [error];
        }
    }

    private async Task<Sent> SendOneAsync(string server, Outgoing file, Action<ProgressReport>? report, CancellationToken ct)
    {
        try
        {
            return new Sent(file, await single.SendAsync(server, file.LocalPath, file.Target, report, ct), null);
        }
        catch (FluxException fault) when (!fault.IsTransient)
        {
            return new Sent(file, null, fault);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException or UnauthorizedAccessException)
        {
            return Unreadable(file, error);
        }
    }

    private static Sent Unreadable(Outgoing file, Exception error) => new(file, null, new FluxException(FluxError.Unavailable, error.Message, error));
}
