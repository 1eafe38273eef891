using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Fluxd.Transports.Quic.Engine;

/// <summary>
/// Pinned memory that one <see cref="SendPipe"/> owns from <see cref="Rent"/> to <see cref="Return"/>: the library keeps
/// raw pointers into it until the peer has acknowledged the bytes. A block that is not returned goes to the collector.
/// </summary>
internal sealed unsafe class SendBlock
{
    public const int Size = 32 * 1024;

    private static readonly ConcurrentBag<SendBlock> Pool = [];
    private static int s_pooled;

    private int _written;
    private volatile SendBlock? _next;

    private SendBlock() => Pointer = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(Array));

    public byte[] Array { get; } = GC.AllocateUninitializedArray<byte>(Size, pinned: true);

    public byte* Pointer { get; }

    /// <summary>Set by the producer before it publishes the bytes, read by the loop thread.</summary>
    public int Written
    {
        get => Volatile.Read(ref _written);
        set => Volatile.Write(ref _written, value);
    }

    public SendBlock? Next
    {
        get => _next;
        set => _next = value;
    }

    public static SendBlock Rent()
    {
        if (!Pool.TryTake(out var block))
        {
            return new SendBlock();
        }

        Interlocked.Decrement(ref s_pooled);
        block.Written = 0;
        block.Next = null;
        return block;
    }

    public static void Return(SendBlock block)
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
}
