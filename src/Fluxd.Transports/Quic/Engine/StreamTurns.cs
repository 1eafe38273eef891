namespace Fluxd.Transports.Quic.Engine;

/// <summary>
/// Whose bytes go next among a connection's streams. A stream's first bytes go before all others, so that short answers
/// are not held up by transfers. Beyond them streams take long turns: pieces of a transfer that were asked for together
/// then end one after another, and the next is asked for while others are still being sent. In short turns they would
/// all end at once and leave the link idle for a round trip, which costs more than that where the sender's rate is found
/// from what arrives. Loop thread.
/// </summary>
internal sealed class StreamTurns
{
    private readonly Queue<QuicStream> _fresh = new();
    private readonly Queue<QuicStream> _others = new();
    private long _taken;

    /// <summary>The stream whose turn it is; null when none is ready.</summary>
    public QuicStream? Next => _fresh.TryPeek(out var fresh) ? fresh : _others.TryPeek(out var other) ? other : null;

    public void Enqueue(QuicStream stream) => (stream.Output!.Sent < QuicLimits.FirstTurnBytes ? _fresh : _others).Enqueue(stream);

    /// <summary>Takes the one whose turn it is out.</summary>
    public void Dequeue()
    {
        if (!_fresh.TryDequeue(out _))
        {
            _others.Dequeue();
            _taken = 0;
        }
    }

    /// <summary>The one whose turn it is sent these bytes and has more.</summary>
    public void Took(long bytes)
    {
        if (_fresh.TryPeek(out var fresh))
        {
            if (fresh.Output!.Sent >= QuicLimits.FirstTurnBytes)
            {
                _others.Enqueue(_fresh.Dequeue());
            }

            return;
        }

        _taken += bytes;
        if (_taken >= QuicLimits.TurnBytes)
        {
            _taken = 0;
            _others.Enqueue(_others.Dequeue());
        }
    }

    public void Clear()
    {
        _fresh.Clear();
        _others.Clear();
    }
}
