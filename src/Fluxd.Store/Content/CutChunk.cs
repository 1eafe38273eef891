using System.Buffers;

namespace Fluxd.Store.Content;

/// <summary>
/// The chunk that one reader took a part of, checked and decoded, in a rented buffer: the next part comes from here.
/// A reader that goes through a large file would otherwise allocate each chunk that its buffer cuts.
/// One caller at a time; the owner disposes it when no call is running.
/// </summary>
internal sealed class CutChunk : IDisposable
{
    private byte[]? _bytes;
    private int _length;

    /// <summary>Zero while it holds none: ids begin at 1.</summary>
    internal long Id { get; private set; }

    internal ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, _length);

    /// <summary>Room for a chunk. It counts only from <see cref="Holds"/> on.</summary>
    internal Span<byte> Make(int length)
    {
        Id = 0;
        if (_bytes is null || _bytes.Length < length)
        {
            Return();
            _bytes = ArrayPool<byte>.Shared.Rent(length);
        }

        _length = length;
        return _bytes.AsSpan(0, length);
    }

    internal void Holds(long id) => Id = id;

    public void Dispose() => Return();

    private void Return()
    {
        Id = 0;
        _length = 0;
        if (_bytes is { } bytes)
        {
            _bytes = null;
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }
}
