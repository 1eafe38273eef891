using Fluxd.Core;
using Fluxd.Core.Chunking;
using Fluxd.Store.Catalog.References;
using Fluxd.Store.Files;

namespace Fluxd.Store.Uploads;

/// <summary>
/// What one session has here beside its leases: chunks that it put (in a scratch file, in no index, so nobody else can
/// tell that they are here), and its base file. One caller at a time, under <see cref="Gate"/>.
/// </summary>
/// <param name="ticket">Becomes the desk's: it holds the base file's content.</param>
internal sealed class ChunkDesk(Spool spool, Ticket ticket) : IDisposable
{
    private readonly Dictionary<ChunkHash, (long At, int Length)> _put = [];
    private Scratch? _scratch;
    private long _end;

    public SemaphoreSlim Gate { get; } = new(1, 1);

    public long UsedAt { get; set; }

    public bool HasPut(ChunkHash chunk) => _put.ContainsKey(chunk);

    public int LengthOfPut(ChunkHash chunk) => _put[chunk].Length;

    /// <summary>The file that was named last as one that resembles this: its chunks are shared without being read.</summary>
    public BaseFile? Base { get; private set; }

    /// <summary>Leased chunks that turned out damaged: they must be sent after all.</summary>
    public HashSet<long> Damaged { get; } = [];

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

    public byte[] Read(ChunkHash chunk)
    {
        var (at, length) = _put[chunk];
        var bytes = new byte[length];
        return _scratch!.Read(at, bytes) == length
            ? bytes
            : throw new FluxException(FluxError.Corrupt, "A chunk that was sent can't be read back; send it again.");
    }

    /// <summary>The caller holds the file's content until now.</summary>
    public void SetBase(BaseFile? file)
    {
        Base = file;
        ticket.Keep(file?.Content ?? 0);
        ticket.KeepOnly(file?.Content ?? 0);
    }

    /// <summary>Nobody came back to it.</summary>
    public void Close()
    {
        ForgetPut();
        Base = null;
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
