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
    private readonly Dictionary<ChunkHash, (Sheet Sheet, long At, int Length)> _put = [];
    private Sheet? _sheet;

    public SemaphoreSlim Gate { get; } = new(1, 1);

    public long UsedAt { get; set; }

    /// <summary>What was put and is in no content yet.</summary>
    public long PutBytes { get; private set; }

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

        if (_sheet is null || _sheet.End >= UploadLimits.SheetBytes)
        {
            var full = _sheet;
            _sheet = new Sheet(spool.Create());
            full?.DisposeIfUnused();
        }

        _put.Add(chunk, (_sheet, _sheet.Add(bytes), bytes.Length));
        PutBytes += bytes.Length;
    }

    /// <param name="bytes">As many as the chunk has.</param>
    public void Read(ChunkHash chunk, Span<byte> bytes)
    {
        var (sheet, at, _) = _put[chunk];
        if (sheet.Read(at, bytes) != bytes.Length)
        {
            throw new FluxException(FluxError.Corrupt, "A chunk that was sent can't be read back; send it again.");
        }
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
        ForgetPut([.. _put.Keys]);
        Base = null;
        ticket.Dispose();
    }

    /// <summary>These are in the content now. What was put for the next call stays.</summary>
    public void ForgetPut(IEnumerable<ChunkHash> chunks)
    {
        foreach (var chunk in chunks)
        {
            if (_put.Remove(chunk, out var place))
            {
                PutBytes -= place.Length;
                place.Sheet.Remove();
                if (place.Sheet != _sheet)
                {
                    place.Sheet.DisposeIfUnused();
                }
            }
        }

        if (_put.Count == 0)
        {
            _sheet?.DisposeIfUnused();
            _sheet = null;
        }
    }

    public void Dispose()
    {
        ForgetPut([.. _put.Keys]);
        ticket.Dispose();
        Gate.Dispose();
    }

    /// <summary>A scratch file of bounded size, gone with the last chunk in it: so the room of what was appended comes back.</summary>
    private sealed class Sheet(Scratch scratch)
    {
        private int _used;

        public long End { get; private set; }

        public long Add(ReadOnlySpan<byte> bytes)
        {
            var at = End;
            scratch.Write(at, bytes);
            End += bytes.Length;
            _used++;
            return at;
        }

        public int Read(long at, Span<byte> bytes) => scratch.Read(at, bytes);

        public void Remove() => _used--;

        public void DisposeIfUnused()
        {
            if (_used == 0)
            {
                scratch.Dispose();
            }
        }
    }
}
