using Fluxd.Core;
using Fluxd.Transports.Http.Uploads;

namespace Fluxd.Transports.Client;

/// <summary>
/// Of chunks that a server lacks, sends only the blocks that differ from what its file has at the same place: an image or a
/// database is changed in many small places, and each would else cost the one or two chunks around it.
/// </summary>
internal sealed class ChunkPatcher(ILink link)
{
    private volatile bool _isOff;

    /// <returns>The chunks that must be sent whole after all.</returns>
    public async Task<List<int>> PutAsync(string id, long offset, FileWindow window, List<int> wanted, int bundleBytes, TransferMeter meter, CancellationToken ct)
    {
        var (starts, at) = (new long[window.Recipe.Count], offset);
        for (var i = 0; i < starts.Length; at += window.Recipe[i++].Length)
        {
            starts[i] = at;
        }

        var asked = wanted.DistinctBy(i => window.Recipe[i].Hash).Where(i => window.Recipe[i].Length <= PatchRoutes.ChunkBytesMax).ToList();
        var hashes = _isOff || asked.Count == 0 ? [] : await link.BlocksAsync(id, [.. asked.Select(i => (starts[i], window.Recipe[i].Length))], ct);
        if (hashes.Length != asked.Sum(i => PatchRoutes.BlocksOf(window.Recipe[i].Length)) * PatchRoutes.BlockHashBytes)
        {
            _isOff = true;
            return wanted;
        }

        var patches = new List<ChunkPatch>();
        var left = hashes.AsMemory();
        foreach (var i in asked)
        {
            var blocks = PatchRoutes.BlocksOf(window.Recipe[i].Length);
            var changed = Changed(window.Bytes[i].Span, left.Span);
            left = left[(blocks * PatchRoutes.BlockHashBytes)..];

            // None means a chunk that is there unknown to its catalogue (of another cut): a block must come along.
            if (changed.Count <= blocks / 2)
            {
                patches.Add(new ChunkPatch(window.Recipe[i].Hash, starts[i], window.Bytes[i], changed.Count > 0 ? changed : [0]));
            }
        }

        return await SendAsync(id, patches, bundleBytes, meter, ct) ? [.. wanted.Where(i => patches.TrueForAll(patch => patch.Hash != window.Recipe[i].Hash))] : wanted;
    }

    private static List<int> Changed(ReadOnlySpan<byte> chunk, ReadOnlySpan<byte> theirs)
    {
        var changed = new List<int>();
        Span<byte> ours = stackalloc byte[PatchRoutes.BlockHashBytes];
        for (var block = 0; block < PatchRoutes.BlocksOf(chunk.Length); block++)
        {
            PatchRoutes.HashBlock(chunk[PatchRoutes.Block(block, chunk.Length)], ours);
            if (!ours.SequenceEqual(theirs.Slice(block * PatchRoutes.BlockHashBytes, PatchRoutes.BlockHashBytes)))
            {
                changed.Add(block);
            }
        }

        return changed;
    }

    /// <summary>False when the server does not take them: its file became another one meanwhile, or a proxy caps bodies.</summary>
    private async Task<bool> SendAsync(string id, List<ChunkPatch> patches, int bundleBytes, TransferMeter meter, CancellationToken ct)
    {
        if (patches.Count == 0 || patches.Sum(Moved) > bundleBytes)
        {
            return patches.Count == 0;
        }

        try
        {
            await link.PutPatchesAsync(id, patches, ct);
        }
        catch (FluxException error) when (error.Error is FluxError.Invalid or FluxError.TooLarge or FluxError.NotFound or FluxError.Denied)
        {
            return false;
        }

        patches.ForEach(patch => meter.Add(patch.Bytes.Length, Moved(patch)));
        return true;
    }

    private static long Moved(ChunkPatch patch) => PatchRoutes.HeadBytes + patch.Changed.Sum(block => (long)patch.Bytes[PatchRoutes.Block(block, patch.Bytes.Length)].Length);
}
