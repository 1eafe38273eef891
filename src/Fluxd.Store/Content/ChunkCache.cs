using System.Buffers;

namespace Fluxd.Store.Content;

/// <summary>
/// Chunks of which readers took only a part, and small files, checked and decoded, in rented buffers: going through a large
/// file in pieces would otherwise allocate each chunk of it anew. A buffer goes back when the chunk was dropped and nobody copies
/// from it any more. Bounded by what the buffers take. Thread-safe.
/// </summary>
internal sealed class ChunkCache(long bytesMax)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<long, LinkedListNode<Chunk>> _chunks = [];
    private readonly LinkedList<Chunk> _order = [];

    /// <summary>What the buffers of kept chunks take.</summary>
    internal long Bytes { get; private set; }

    /// <summary>The chunk, held for the caller until <see cref="Release"/>; null when it is not here.</summary>
    internal Chunk? TryHold(long id)
    {
        lock (_lock)
        {
            if (!_chunks.TryGetValue(id, out var node))
            {
                return null;
            }

            _order.Remove(node);
            _order.AddFirst(node);
            node.Value.Holders++;
            return node.Value;
        }
    }

    /// <summary>A buffer for a chunk that is not here, held for the caller; others see it from <see cref="Add"/> on.</summary>
    internal static Chunk Make(long id, int length) => new(id, ArrayPool<byte>.Shared.Rent(length), length) { Holders = 1 };

    /// <summary>Keeps what the caller has filled. Two who read the same chunk at once keep one of both.</summary>
    internal void Add(Chunk chunk)
    {
        lock (_lock)
        {
            if (_chunks.ContainsKey(chunk.Id))
            {
                return;
            }

            chunk.Holders++;
            _chunks.Add(chunk.Id, _order.AddFirst(chunk));
            Bytes += chunk.Room;
            while (Bytes > bytesMax && _order.Last is { } last)
            {
                _order.RemoveLast();
                _chunks.Remove(last.Value.Id);
                Bytes -= last.Value.Room;
                LetGo(last.Value);
            }
        }
    }

    internal void Release(Chunk chunk)
    {
        lock (_lock)
        {
            LetGo(chunk);
        }
    }

    private static void LetGo(Chunk chunk)
    {
        if (--chunk.Holders == 0)
        {
            chunk.Return();
        }
    }

    internal sealed class Chunk(long id, byte[] buffer, int length)
    {
        internal long Id => id;

        internal Span<byte> Bytes => buffer.AsSpan(0, length);

        internal int Room => buffer.Length;

        /// <summary>The cache is one of them; its lock guards the number.</summary>
        internal int Holders { get; set; }

        internal void Return() => ArrayPool<byte>.Shared.Return(buffer);
    }
}
