namespace Fluxd.Transports.Quic.Engine;

/// <summary>A token bucket over packets that we send to addresses nobody has proven. Loop thread.</summary>
internal sealed class StatelessBudget(int perSecond)
{
    private const ulong Second = 1_000_000_000;

    private double _left = perSecond;
    private ulong _filledAt;

    public bool TryTake(ulong now)
    {
        var passed = now > _filledAt ? now - _filledAt : 0;
        _left = Math.Min(perSecond, _left + ((double)passed * perSecond / Second));
        _filledAt = now;
        if (_left < 1)
        {
            return false;
        }

        _left--;
        return true;
    }
}
