using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Connections;

namespace Fluxd.Transports.Net;

/// <summary>
/// The memory that Kestrel's connections read into and write from, in blocks that hold two TLS records. Its own blocks
/// have 4 KiB, and its transport fills one with each system call: a quarter of a million calls for each GiB of an upload.
/// Blocks are pinned for good, so that the kernel can write into them, and shared by all connections. Thread-safe.
/// </summary>
public sealed class BlockPool : MemoryPool<byte>, IMemoryPoolFactory<byte>
{
    private readonly ConcurrentQueue<Block> _spare = new();
    private int _spares;

    public override int MaxBufferSize => NetLimits.BlockBytes;

    /// <summary>Blocks that are kept for the next who asks.</summary>
    internal int Spares => Volatile.Read(ref _spares);

    /// <summary>One pool for all: what one thread's connections gave back serves another's.</summary>
    public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => this;

    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, NetLimits.BlockBytes);
        if (!_spare.TryDequeue(out var block))
        {
            return new Block(this);
        }

        Interlocked.Decrement(ref _spares);
        return block.Take();
    }

    /// <summary>Kestrel disposes what it was given for each listener; the others go on with it.</summary>
    protected override void Dispose(bool disposing)
    {
    }

    private void Return(Block block)
    {
        if (Interlocked.Increment(ref _spares) <= NetLimits.SpareBlocksMax)
        {
            _spare.Enqueue(block);
        }
        else
        {
            Interlocked.Decrement(ref _spares);
        }
    }

    private sealed class Block : IMemoryOwner<byte>
    {
        private readonly BlockPool _pool;
        private int _isRented = 1;

        internal Block(BlockPool pool)
        {
            _pool = pool;
            var bytes = GC.AllocateUninitializedArray<byte>(NetLimits.BlockBytes, pinned: true);
            Memory = MemoryMarshal.CreateFromPinnedArray(bytes, 0, bytes.Length);
        }

        public Memory<byte> Memory { get; }

        internal Block Take()
        {
            Volatile.Write(ref _isRented, 1);
            return this;
        }

        /// <summary>Once only: a block in two connections' hands would show one what the other got.</summary>
        public void Dispose()
        {
            if (Interlocked.Exchange(ref _isRented, 0) == 1)
            {
                _pool.Return(this);
            }
        }
    }
}
