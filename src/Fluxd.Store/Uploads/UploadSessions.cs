using Fluxd.Core;
using Fluxd.Core.Uploads;

namespace Fluxd.Store.Uploads;

/// <summary>
/// Who writes which upload session now. The newest taker wins: whoever held it before finds itself fenced at its next
/// step, so a half-dead connection can never hold a session or mix bytes into it. Writers die with the process, and so
/// does this table: what a restart finds is the durable state and nobody who writes. Thread-safe.
/// </summary>
internal sealed class UploadSessions
{
    private readonly Lock _lock = new();
    private readonly Dictionary<UploadId, Session> _sessions = [];

    /// <summary>Waits for the step that runs (never for a network), then owns the session until the next taker.</summary>
    public async Task<UploadHold> TakeAsync(UploadId id, CancellationToken ct)
    {
        Session session;
        long epoch;
        lock (_lock)
        {
            if (!_sessions.TryGetValue(id, out session!))
            {
                _sessions.Add(id, session = new Session());
            }

            session.Holders++;
            epoch = ++session.Epoch;
        }

        var hold = new UploadHold(this, id, session, epoch);
        try
        {
            using var step = await hold.StepAsync(ct);
            if (session.OnFenced is { } fenced)
            {
                session.OnFenced = null;
                await fenced();
            }
        }
        catch
        {
            hold.Dispose();
            throw;
        }

        return hold;
    }

    /// <summary>Sessions that somebody writes now.</summary>
    internal int Count
    {
        get
        {
            lock (_lock)
            {
                return _sessions.Count;
            }
        }
    }

    internal void Leave(UploadId id, Session session)
    {
        lock (_lock)
        {
            if (--session.Holders == 0)
            {
                _sessions.Remove(id);
                session.Gate.Dispose();
            }
        }
    }

    internal sealed class Session
    {
        public SemaphoreSlim Gate { get; } = new(1, 1);

        public long Epoch;

        public int Holders;

        /// <summary>Lets go of what the holder before had open; runs under the gate.</summary>
        public Func<ValueTask>? OnFenced;
    }
}

/// <summary>One taker's hold of a session. Dispose when done.</summary>
internal sealed class UploadHold(UploadSessions sessions, UploadId id, UploadSessions.Session session, long epoch) : IDisposable
{
    private int _left;

    public bool IsCurrent => Volatile.Read(ref session.Epoch) == epoch;

    /// <summary>Runs alone until disposed.</summary>
    /// <exception cref="FluxException">Fenced: a newer writer took over.</exception>
    public async ValueTask<Step> StepAsync(CancellationToken ct)
    {
        await session.Gate.WaitAsync(ct);
        if (IsCurrent)
        {
            return new Step(session.Gate);
        }

        session.Gate.Release();
        throw new FluxException(FluxError.Fenced, "A newer connection took this upload over; ask for its offset and go on from there.");
    }

    /// <summary>Called under a step: what to let go of when somebody else takes the session.</summary>
    public void WhenFenced(Func<ValueTask>? letGo) => session.OnFenced = letGo;

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _left, 1) == 0)
        {
            sessions.Leave(id, session);
        }
    }

    /// <summary>No object: there is one for each piece that arrives.</summary>
    internal readonly struct Step(SemaphoreSlim gate) : IDisposable
    {
        public void Dispose() => gate.Release();
    }
}
