namespace Fluxd.Store.Catalog.References;

/// <summary>
/// Who uses which contents between two transactions, where no row says so; and which contents the collector has
/// condemned. One lock orders both, so that taking hold of a condemned content pardons it, and removing one can't
/// overlook a holder. The argument is in docs/garbage-collection.md. Thread-safe; in memory, since holders die with the
/// process.
/// </summary>
internal sealed class ContentHolds
{
    /// <summary>Condemned in a write that is not committed yet: never ripe.</summary>
    private const long NotYet = long.MaxValue;

    private readonly Lock _lock = new();
    private readonly LinkedList<long> _wide = new(); // numbers of wide tickets that are out, ascending
    private readonly Dictionary<long, int> _held = [];
    private readonly Dictionary<long, long> _condemned = []; // content, newest ticket's number by then
    private readonly List<(long Upto, TaskCompletionSource Returned)> _waiting = [];
    private long _newest;

    /// <summary>The number of the newest wide ticket; every later one has a greater number.</summary>
    internal long Newest
    {
        get
        {
            lock (_lock)
            {
                return _newest;
            }
        }
    }

    /// <summary>Wide tickets that are out, and contents that are held by name.</summary>
    internal (int Wide, int Held) Count
    {
        get
        {
            lock (_lock)
            {
                return (_wide.Count, _held.Count);
            }
        }
    }

    /// <summary>Holds nothing yet but what <see cref="Ticket.Keep"/> names.</summary>
    internal Ticket Take() => new(this);

    /// <summary>Holds everything that a look begun from now on can find. For short work: never across a wait for a client.</summary>
    internal Ticket TakeWide()
    {
        var ticket = new Ticket(this);
        lock (_lock)
        {
            ticket.Wide = _wide.AddLast(++_newest);
        }

        return ticket;
    }

    /// <summary>
    /// Opens something over a content that a look finds: the look runs under a wide ticket, which then holds only what
    /// <paramref name="open"/> named, and belongs to what was opened. Null and a failure give it back.
    /// </summary>
    internal async Task<T?> OpenAsync<T>(Func<Ticket, Task<T?>> open)
        where T : class
    {
        var ticket = TakeWide();
        T? opened = null;
        try
        {
            opened = await open(ticket);
            ticket.Narrow();
            return opened;
        }
        finally
        {
            if (opened is null)
            {
                ticket.Dispose();
            }
        }
    }

    internal bool IsHeld(long content)
    {
        lock (_lock)
        {
            return _held.ContainsKey(content);
        }
    }

    /// <summary>Are all wide tickets up to this number back?</summary>
    internal bool AreReturned(long upto)
    {
        lock (_lock)
        {
            return AreReturnedLocked(upto);
        }
    }

    /// <summary>Completes when all wide tickets up to this number are back.</summary>
    internal Task WhenReturned(long upto)
    {
        lock (_lock)
        {
            if (AreReturnedLocked(upto))
            {
                return Task.CompletedTask;
            }

            var returned = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Add((upto, returned));
            return returned.Task;
        }
    }

    /// <summary>A row came to refer to it, or somebody holds it: it is no garbage after all.</summary>
    internal void Pardon(long content)
    {
        lock (_lock)
        {
            _condemned.Remove(content);
        }
    }

    /// <summary>On the committer's thread, inside the write that saw that no row refers to it. False: somebody holds it.</summary>
    internal bool TryCondemn(long content)
    {
        lock (_lock)
        {
            if (_held.ContainsKey(content))
            {
                return false;
            }

            _condemned.TryAdd(content, NotYet);
            return true;
        }
    }

    /// <summary>The write is committed: whoever looks from now on, under a newer ticket, finds no way to these.</summary>
    internal void Seal(IEnumerable<long> condemned)
    {
        lock (_lock)
        {
            foreach (var content in condemned)
            {
                if (_condemned.TryGetValue(content, out var since) && since == NotYet)
                {
                    _condemned[content] = _newest;
                }
            }
        }
    }

    /// <summary>
    /// On the committer's thread: may it be removed? Still condemned, held by nobody, and every wide ticket that is as
    /// old as the sentence is back.
    /// </summary>
    internal bool IsRipe(long content)
    {
        lock (_lock)
        {
            return _condemned.TryGetValue(content, out var since) && since != NotYet && AreReturnedLocked(since) && !_held.ContainsKey(content);
        }
    }

    internal List<long> Condemned()
    {
        lock (_lock)
        {
            return [.. _condemned.Keys.Order()];
        }
    }

    internal void Keep(Ticket ticket, long content)
    {
        lock (_lock)
        {
            if (!ticket.IsReturned && content != 0 && ticket.Kept.Add(content))
            {
                _held[content] = _held.GetValueOrDefault(content) + 1;
                _condemned.Remove(content);
            }
        }
    }

    internal void KeepOnly(Ticket ticket, long content)
    {
        lock (_lock)
        {
            foreach (var other in ticket.Kept.Where(kept => kept != content).ToList())
            {
                ticket.Kept.Remove(other);
                LetGo(other);
            }
        }
    }

    internal void Narrow(Ticket ticket)
    {
        lock (_lock)
        {
            NarrowLocked(ticket);
        }
    }

    internal void Return(Ticket ticket)
    {
        lock (_lock)
        {
            ticket.IsReturned = true;
            foreach (var content in ticket.Kept)
            {
                LetGo(content);
            }

            ticket.Kept.Clear();
            NarrowLocked(ticket);
        }
    }

    private bool AreReturnedLocked(long upto) => _wide.First is not { } oldest || oldest.Value > upto;

    private void NarrowLocked(Ticket ticket)
    {
        if (ticket.Wide is not { } node)
        {
            return;
        }

        _wide.Remove(node);
        ticket.Wide = null;
        foreach (var (upto, returned) in _waiting.Where(waiting => AreReturnedLocked(waiting.Upto)).ToList())
        {
            _waiting.Remove((upto, returned));
            returned.TrySetResult();
        }
    }

    private void LetGo(long content)
    {
        if (--_held[content] == 0)
        {
            _held.Remove(content);
        }
    }
}
