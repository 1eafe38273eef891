using Fluxd.Core;
using Fluxd.Core.Chunking;
using Fluxd.Store.Catalog.References;
using Fluxd.Store.Files;

namespace Fluxd.Store.Uploads;

/// <summary>
/// What one session may name in its recipes: chunks that it put (in a scratch file, in no index, so nobody else can
/// tell that they are here) and chunks of readable base files. One caller at a time, under <see cref="Gate"/>.
/// </summary>
/// <param name="ticket">Becomes the desk's: it holds the base files' contents.</param>
internal sealed class ChunkDesk(Spool spool, Ticket ticket) : IDisposable
{
    private readonly Dictionary<ChunkHash, (long At, int Length)> _put = [];
    private readonly Dictionary<ChunkHash, (long Content, long Offset, int Length)> _known = [];
    private Scratch? _scratch;
    private long _end;

    public SemaphoreSlim Gate { get; } = new(1, 1);

    public long UsedAt { get; set; }

    public bool Has(ChunkHash chunk) => _put.ContainsKey(chunk) || _known.ContainsKey(chunk);

    public void Put(ChunkHash chunk, ReadOnlySpan<byte> bytes)
    {
        if (_put.ContainsKey(chunk))
        {
            return;
        }

        if (_put.Count >= UploadLimits.PutChunksMax)
        {
            throw new FluxException(FluxError.Busy, "Too many chunks were sent ahead; append what is there, then send more.");
        }

        (_scratch ??= spool.Create()).Write(_end, bytes);
        _put.Add(chunk, (_end, bytes.Length));
        _end += bytes.Length;
    }

    public void Know(long content, ContentChunk chunk)
    {
        if (_known.Count >= UploadLimits.KnownChunksMax)
        {
            _known.Clear();
            ticket.KeepOnly(0);
        }

        ticket.Keep(content);

        _known.TryAdd(chunk.Hash, (content, chunk.Offset, chunk.Length));
    }

    /// <summary>Where a known chunk is; false for one that was put.</summary>
    public bool TryGetKnown(ChunkHash chunk, out (long Content, long Offset, int Length) place) => _known.TryGetValue(chunk, out place);

    public byte[] Read(ChunkHash chunk)
    {
        var (at, length) = _put[chunk];
        var bytes = new byte[length];
        return _scratch!.Read(at, bytes) == length
            ? bytes
            : throw new FluxException(FluxError.Corrupt, "A chunk that was sent can't be read back; send it again.");
    }

    /// <summary>Nobody came back to it.</summary>
    public void Close()
    {
        ForgetPut();
        _known.Clear();
        ticket.Dispose();
    }

    /// <summary>All that was put is in the content now.</summary>
    public void ForgetPut()
    {
        _put.Clear();
        _end = 0;
        _scratch?.Dispose();
        _scratch = null;
    }

    public void Dispose()
    {
        _scratch?.Dispose();
        ticket.Dispose();
        Gate.Dispose();
    }
}
