using Fluxd.Core;
using Fluxd.Store.Files;

namespace Fluxd.Store.Uploads;

/// <summary>The chunks of a file that a new one probably resembles, as runs of ids in their order, and where in the file each run's part begins.</summary>
internal sealed class BaseFile
{
    private readonly List<ContentRun> _runs;

    private BaseFile(long content, List<ContentRun> runs) => (Content, _runs) = (content, runs);

    public long Content { get; }

    public static async Task<BaseFile> OpenAsync(IContents contents, long content, CancellationToken ct)
    {
        var runs = new List<ContentRun>(await contents.RunsAsync(content, UploadLimits.BaseRunsMax, ct));
        runs.Sort((a, b) => a.First.CompareTo(b.First));
        return new BaseFile(content, runs);
    }

    /// <summary>The smallest of its ids that is not below one.</summary>
    public long? Next(long id)
    {
        var i = IndexOf(id);
        if (i >= 0 && id < _runs[i].First + _runs[i].Count)
        {
            return id;
        }

        return i + 1 < _runs.Count ? _runs[i + 1].First : null;
    }

    /// <summary>Where the chunk stands in the file; null when it doesn't.</summary>
    public async ValueTask<ContentChunk?> PlaceAsync(IContents contents, long chunk, CancellationToken ct)
    {
        if (Next(chunk) != chunk)
        {
            return null;
        }

        try
        {
            foreach (var there in await contents.ChunksAsync(Content, _runs[IndexOf(chunk)].PartStart, ct))
            {
                if (there.Id == chunk)
                {
                    return there;
                }
            }
        }
        catch (FluxException e) when (e.Error == FluxError.NotFound)
        {
            // The file was replaced and its content removed; the lease still holds the chunk.
        }

        return null;
    }

    /// <summary>The last run that begins at the id or before it; -1 when there is none. Of runs that overlap any will do.</summary>
    private int IndexOf(long id)
    {
        int low = -1, high = _runs.Count - 1;
        while (low < high)
        {
            var middle = (low + high + 1) / 2;
            (low, high) = _runs[middle].First <= id ? (middle, high) : (low, middle - 1);
        }

        return low;
    }
}
