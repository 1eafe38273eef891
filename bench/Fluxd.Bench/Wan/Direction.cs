using System.Buffers;

namespace Fluxd.Bench.Wan;

/// <summary>
/// One direction of the link. Each packet takes the same number of draws from the seeded generator, so the n-th packet
/// meets the same fate in every run.
/// </summary>
internal sealed class Direction(LinkShape shape, int seed)
{
    private readonly Random _random = new(seed);
    private readonly Queue<(double Due, byte[] Bytes, int Length)> _waiting = new();
    private double _freeAt;
    private bool _isBad;

    public long Packets { get; private set; }

    public long Lost { get; private set; }

    public long TailDropped { get; private set; }

    public double NextDue => _waiting.TryPeek(out var next) ? next.Due : double.PositiveInfinity;

    /// <summary>Takes a packet at <paramref name="now"/> (milliseconds).</summary>
    public void Accept(ReadOnlySpan<byte> packet, double now, bool isDown)
    {
        Packets++;
        var (loss, burst) = (_random.NextDouble(), _random.NextDouble());
        if (isDown)
        {
            Lost++;
            return;
        }

        var leaves = now;
        if (shape.RateMbit > 0)
        {
            _freeAt = Math.Max(_freeAt, now);
            if (((_freeAt - now) * shape.RateMbit * 125) + packet.Length > shape.QueueBytes)
            {
                TailDropped++;
                return;
            }

            leaves = _freeAt += packet.Length / (shape.RateMbit * 125);
        }

        _isBad = _isBad ? burst >= shape.BurstLeave : burst < shape.BurstEnter;
        if (_isBad || loss < shape.Loss)
        {
            Lost++; // behind the bottleneck: a lost packet took its time there
            return;
        }

        var bytes = ArrayPool<byte>.Shared.Rent(packet.Length);
        packet.CopyTo(bytes);
        _waiting.Enqueue((leaves + shape.DelayMs, bytes, packet.Length));
    }

    public void Release(double now, Action<ReadOnlySpan<byte>> emit)
    {
        while (_waiting.TryPeek(out var next) && next.Due <= now)
        {
            _waiting.Dequeue();
            emit(next.Bytes.AsSpan(0, next.Length));
            ArrayPool<byte>.Shared.Return(next.Bytes);
        }
    }
}
