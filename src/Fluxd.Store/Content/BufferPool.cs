using System.Collections.Concurrent;

namespace Fluxd.Store.Content;

/// <summary>
/// The sinks' buffers. Within the budget they are big; beyond it tight, so that every sink always gets one and none
/// waits for another. What bounds the flow is that a sink has few extents on their way. Thread-safe.
/// </summary>
internal sealed class BufferPool(long bytesMax)
{
    private readonly ConcurrentDictionary<int, ConcurrentBag<byte[]>> _idle = new();
    private long _rented;

    internal long Rented => Interlocked.Read(ref _rented);

    /// <summary>A buffer of this length, or null when the budget is spent.</summary>
    internal byte[]? TryRent(int length) => Interlocked.Read(ref _rented) + length <= bytesMax ? Rent(length) : null;

    /// <summary>A buffer of this length in any case.</summary>
    internal byte[] Rent(int length)
    {
        Interlocked.Add(ref _rented, length);
        return _idle.TryGetValue(length, out var idle) && idle.TryTake(out var buffer) ? buffer : GC.AllocateUninitializedArray<byte>(length);
    }

    /// <summary>Gives it back; the caller must not use it any more.</summary>
    internal void Return(byte[] buffer)
    {
        Interlocked.Add(ref _rented, -buffer.Length);

        // What lies idle counts too: a burst's buffers go back to the runtime.
        var idle = _idle.GetOrAdd(buffer.Length, _ => []);
        if (((long)idle.Count + 1) * buffer.Length <= bytesMax / 4)
        {
            idle.Add(buffer);
        }
    }
}
