using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Fluxd.Transports.Quic.Engine;

/// <summary>
/// Pinned memory that one owner has from <see cref="Rent"/> to <see cref="Return"/>. In a <see cref="SendPipe"/> the library
/// keeps raw pointers into it until the peer has acknowledged the bytes. What arrives goes into blocks too, by
/// <see cref="Memory"/>: they travel from the loop's thread to the readers' and back, and the runtime's own pool keeps too
/// few arrays between threads for that. A block that is not returned goes to the collector.
/// </summary>
internal sealed unsafe class PooledBlock : IMemoryOwner<byte>
{
    public const int Size = 32 * 1024;

    private static readonly ConcurrentBag<PooledBlock> Pool = [];
    private static int s_pooled;

    private int _written;
    private volatile PooledBlock? _next;

    private PooledBlock() => Pointer = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(Array));

    public byte[] Array { get; } = GC.AllocateUninitializedArray<byte>(Size, pinned: true);

    public byte* Pointer { get; }

    /// <summary>Set by the producer before it publishes the bytes, read by the loop thread.</summary>
    public int Written
    {
        get => Volatile.Read(ref _written);
        set => Volatile.Write(ref _written, value);
    }

    public PooledBlock? Next
    {
        get => _next;
        set => _next = value;
    }

    /// <summary>The same blocks for a <see cref="System.IO.Pipelines.Pipe"/>.</summary>
    public static MemoryPool<byte> Memory { get; } = new Blocks();

    Memory<byte> IMemoryOwner<byte>.Memory => Array;

    void IDisposable.Dispose() => Return(this);

    public static PooledBlock Rent()
    {
        if (!Pool.TryTake(out var block))
        {
            return new PooledBlock();
        }

        Interlocked.Decrement(ref s_pooled);
        block.Written = 0;
        block.Next = null;
        return block;
    }

    public static void Return(PooledBlock block)
    {
        if (Interlocked.Increment(ref s_pooled) <= QuicLimits.PooledBlocksMax)
        {
            Pool.Add(block);
        }
        else
        {
            Interlocked.Decrement(ref s_pooled);
        }
    }

    private sealed class Blocks : MemoryPool<byte>
    {
        public override int MaxBufferSize => Size;

        public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, Size);
            return PooledBlock.Rent();
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
