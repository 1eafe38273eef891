namespace Fluxd.Transports.Net;

/// <summary>
/// One bound on the connections of all frontends together: each costs a descriptor and buffers of the one process that
/// they share. Thread-safe.
/// </summary>
public sealed class ConnectionBudget(int max)
{
    private int _open;
    private long _refused;

    /// <summary>Nothing is bounded: for tests and for frontends that run by themselves.</summary>
    public static ConnectionBudget Unbounded => new(int.MaxValue);

    public int Open => Volatile.Read(ref _open);

    /// <summary>Connections that were turned away since the start.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    /// <summary>For who asks first and enters later; the answer "full" counts as a refusal.</summary>
    public bool IsFull()
    {
        if (Open < max)
        {
            return false;
        }

        Interlocked.Increment(ref _refused);
        return true;
    }

    /// <summary>After <see cref="IsFull"/> said no. At worst each frontend gets one too many.</summary>
    public void Enter() => Interlocked.Increment(ref _open);

    /// <summary>False: there is no room for one more. Who got in calls <see cref="Leave"/> once.</summary>
    public bool TryEnter()
    {
        if (Interlocked.Increment(ref _open) <= max)
        {
            return true;
        }

        Interlocked.Decrement(ref _open);
        Interlocked.Increment(ref _refused);
        return false;
    }

    public void Leave() => Interlocked.Decrement(ref _open);
}
