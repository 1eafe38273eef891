using Fluxd.Core.Accounts;
using Fluxd.Core.Chunking;
using Fluxd.Core.Uploads;
using Fluxd.Store.Files;
using Xunit;

namespace Fluxd.Tests.Store.Uploads;

/// <summary>A whole file as a client sends it that asks first what need not be sent.</summary>
internal static class DeltaSteps
{
    private static readonly CancellationToken s_ct = CancellationToken.None;

    internal static List<(ChunkRef Step, int At)> Cut(byte[] whole)
    {
        var chunker = Chunker.For(ContentSniffer.Choose(whole.AsSpan(0, Math.Min(whole.Length, ContentSniffer.HeadBytes)), whole.Length));
        var pieces = new List<(ChunkRef, int)>();
        for (int at = 0, length; at < whole.Length; at += length)
        {
            length = chunker.Cut(whole.AsSpan(at));
            pieces.Add((new ChunkRef(ChunkHash.Of(whole.AsSpan(at, length)), length), at));
        }

        return pieces;
    }

    /// <summary>Asks, and sends what isn't there.</summary>
    /// <returns>For each piece, whether it was promised: those must be there until the session ends.</returns>
    internal static async Task<IReadOnlyList<bool>> AskAndPutAsync(TreeServices trees, Principal who, UploadId id, byte[] whole, IReadOnlyList<(ChunkRef Step, int At)> pieces)
    {
        var have = await trees.ChunkUploads.HaveAsync(who, id, [.. pieces.Select(piece => piece.Step.Hash)], null, s_ct);
        for (var i = 0; i < pieces.Count; i++)
        {
            if (!have[i])
            {
                await trees.ChunkUploads.PutAsync(who, id, pieces[i].Step.Hash, whole.AsMemory(pieces[i].At, pieces[i].Step.Length), s_ct);
            }
        }

        return have;
    }

    /// <summary>All of them were promised or put: none may be missing.</summary>
    /// <returns>The durable offset.</returns>
    internal static async Task<int> AppendAsync(TreeServices trees, Principal who, UploadId id, IReadOnlyList<(ChunkRef Step, int At)> pieces)
    {
        var appended = await trees.ChunkUploads.AppendAsync(who, id, pieces[0].At, [.. pieces.Select(piece => piece.Step)], s_ct);
        Assert.Empty(appended.Missing);
        return (int)appended.DurableOffset;
    }
}
