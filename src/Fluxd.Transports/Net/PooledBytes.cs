using System.Buffers;

namespace Fluxd.Transports.Net;

/// <summary>
/// Bytes that grow in memory of the shared pool: an answer of some hundred KiB would else be a large array for the next full
/// collection. Who forgets <see cref="Dispose"/> costs the pool an array, and nothing else.
/// </summary>
internal sealed class PooledBytes(int capacity = 256) : IBufferWriter<byte>, IDisposable
{
    private byte[] _bytes = ArrayPool<byte>.Shared.Rent(capacity);

    public int Length { get; private set; }

    public Memory<byte> Written => _bytes.AsMemory(0, Length);

    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _bytes.Length - Length);
        Length += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _bytes.AsMemory(Length);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _bytes.AsSpan(Length);
    }

    /// <summary>Nobody looks at them any more.</summary>
    public void Dispose()
    {
        var bytes = _bytes;
        (_bytes, Length) = ([], 0);
        if (bytes.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    private void Reserve(int count)
    {
        if (_bytes.Length - Length >= Math.Max(count, 1))
        {
            return;
        }

        var bigger = ArrayPool<byte>.Shared.Rent(Math.Max(checked(Length + count), checked(2 * _bytes.Length)));
        Written.Span.CopyTo(bigger);
        ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = bigger;
    }
}
