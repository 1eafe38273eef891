using Fluxd.Core.Chunking;
using Fluxd.Core.Uploads;
using Microsoft.Win32.SafeHandles;

namespace Fluxd.Transports.Client;

/// <summary>A stretch of a file that an older copy has too.</summary>
/// <param name="From">Where the older copy has it.</param>
internal readonly record struct KnownStretch(long Start, int Length, long From)
{
    public long End => Start + Length;
}

/// <summary>
/// What an older copy of a file spares: it is cut into the server's chunks, and those that the new recipe names again are
/// copied from here. Nothing is trusted for good: the whole is compared by hash at the end. Not thread-safe, but for reading.
/// </summary>
internal sealed class OlderCopy : IDisposable
{
    private readonly Dictionary<ChunkHash, (long At, int Length)> _chunks = [];
    private readonly SafeFileHandle _file;
    private readonly Func<long, CancellationToken, Task<IReadOnlyList<ChunkRef>>> _recipe;
    private readonly Queue<KnownStretch> _known = new();
    private long _read;
    private bool _isEnd;

    private OlderCopy(SafeFileHandle file, Func<long, CancellationToken, Task<IReadOnlyList<ChunkRef>>> recipe) => (_file, _recipe) = (file, recipe);

    /// <param name="recipe">The new content's chunks from an offset on; none at the end.</param>
    /// <returns>Null when there is none worth looking at, or none that may be read.</returns>
    public static async Task<OlderCopy?> OpenAsync(string path, Func<long, CancellationToken, Task<IReadOnlyList<ChunkRef>>> recipe, CancellationToken ct)
    {
        if (!File.Exists(path) || new FileInfo(path).Length <= ClientLimits.WholeFileBytesMax)
        {
            return null;
        }

        OlderCopy? copy = null;
        try
        {
            copy = new OlderCopy(File.OpenHandle(path, options: FileOptions.Asynchronous), recipe);
            await copy.CutAsync(path, ct);
            return copy;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // It can be replaced without being read.
            copy?.Dispose();
            return null;
        }
        catch
        {
            copy?.Dispose();
            throw;
        }
    }

    /// <summary>What of a range is known, in order. Ranges are asked for in their order.</summary>
    public async Task<List<KnownStretch>> KnownAsync(long start, long end, CancellationToken ct)
    {
        var found = new List<KnownStretch>();
        while (true)
        {
            while (_known.TryPeek(out var stretch) && stretch.Start < end)
            {
                var (from, to) = (Math.Max(start, stretch.Start), Math.Min(end, stretch.End));
                if (from < to)
                {
                    found.Add(new KnownStretch(from, (int)(to - from), stretch.From + (from - stretch.Start)));
                }

                if (stretch.End > end)
                {
                    return found;
                }

                _known.Dequeue();
            }

            if (_read >= end || _isEnd)
            {
                return found;
            }

            await ReadRecipeAsync(ct);
        }
    }

    /// <summary>Fills the buffer, or fails: somebody made the copy shorter.</summary>
    public async Task ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct)
    {
        for (int done = 0, got; done < buffer.Length; done += got)
        {
            got = await RandomAccess.ReadAsync(_file, buffer[done..], offset + done, ct);
            if (got == 0)
            {
                throw new IOException("The older copy of the file changed while it was read.");
            }
        }
    }

    public void Dispose() => _file.Dispose();

    private async Task CutAsync(string path, CancellationToken ct)
    {
        await using var file = FileWindow.Open(path);
        var chunker = await FileWindow.ChunkerAsync(file, file.Length, ct);
        for (long at = 0; _chunks.Count < ClientLimits.OlderChunksMax;)
        {
            var window = await FileWindow.ReadAsync(file, chunker, ClientLimits.WindowBytes, ct);
            if (window.Length == 0)
            {
                return;
            }

            foreach (var chunk in window.Recipe)
            {
                _chunks[chunk.Hash] = (at, chunk.Length);
                at += chunk.Length;
            }
        }
    }

    private async Task ReadRecipeAsync(CancellationToken ct)
    {
        var chunks = await _recipe(_read, ct);
        _isEnd = chunks.Count == 0;
        foreach (var chunk in chunks)
        {
            if (_chunks.TryGetValue(chunk.Hash, out var here) && here.Length == chunk.Length)
            {
                _known.Enqueue(new KnownStretch(_read, chunk.Length, here.At));
            }

            _read += chunk.Length;
        }
    }
}
