using System.Collections.Concurrent;
using System.Text;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Coordination;
using Fluxd.Core.Feed;
using Fluxd.Core.Files;
using Fluxd.Core.Transfers;

namespace Fluxd.Testing;

/// <summary>Knows a few users by password and token; what a test sets it to answer, it answers.</summary>
public sealed class FixedAuthenticator : IAuthenticator
{
    public Dictionary<string, Principal> ByPassword { get; } = [];

    public Dictionary<string, Principal> ByToken { get; } = [];

    public AuthResult? Always { get; set; }

    public Func<Principal, bool> StillValid { get; set; } = _ => true;

    public PeerInfo? LastPeer { get; private set; }

    public ValueTask<AuthResult> AuthenticateAsync(Credential credential, PeerInfo peer, AuthMethods done, CancellationToken ct)
    {
        LastPeer = peer;
        var who = credential switch
        {
            PasswordCredential p => ByPassword.GetValueOrDefault($"{p.UserName}:{Encoding.UTF8.GetString(p.Password.Span)}"),
            TokenCredential t => ByToken.GetValueOrDefault(t.Token),
            _ => null,
        };
        return new ValueTask<AuthResult>(Always ?? (who is null ? AuthResult.Failed : new AuthResult(AuthOutcome.Success, who)));
    }

    public bool IsStillValid(Principal principal) => StillValid(principal);
}

/// <summary>Lets everything pass until a test says how much is left.</summary>
public sealed class CountedCoordinator : ICoordinator
{
    public int Left { get; set; } = int.MaxValue;

    public ConcurrentBag<string> Keys { get; } = [];

    /// <summary>The keys with the names of their limiters.</summary>
    public ConcurrentBag<(string Limiter, string Key)> Takes { get; } = [];

    public ValueTask<RateDecision> TakeAsync(Limiter limiter, string key, int count, CancellationToken ct)
    {
        Keys.Add(key);
        Takes.Add((limiter.Name, key));
        var allowed = Left-- > 0;
        return new ValueTask<RateDecision>(new RateDecision(allowed, limiter.Count, Math.Max(0, Left), limiter.Window, allowed ? TimeSpan.Zero : TimeSpan.FromSeconds(2)));
    }

    public ValueTask<TimeSpan?> PenaltyAsync(PeerInfo peer, string? account, CancellationToken ct) => new((TimeSpan?)null);

    public ValueTask PunishAsync(PeerInfo peer, string? account, Misdeed misdeed, CancellationToken ct) => ValueTask.CompletedTask;

    public ValueTask PardonAsync(PeerInfo peer, string account, CancellationToken ct) => ValueTask.CompletedTask;
}

public sealed class MemorySessions : ISessions
{
    private readonly ConcurrentDictionary<string, (SessionInfo Info, Action Abort)> _live = new();
    private int _next;

    public IDisposable Register(Principal principal, PeerInfo peer, string client, Action abort)
    {
        var id = Interlocked.Increment(ref _next).ToString(System.Globalization.CultureInfo.InvariantCulture);
        _live[id] = (new SessionInfo(id, peer.Frontend, principal.UserName, peer.Address.ToString(), default, client), abort);
        return new Leaving(() => _live.TryRemove(id, out _));
    }

    public IReadOnlyList<SessionInfo> List() => [.. _live.Values.Select(v => v.Info)];

    public bool Kill(string id)
    {
        var found = _live.TryRemove(id, out var entry);
        if (found)
        {
            entry.Abort();
        }

        return found;
    }

    public int KillInvalid() => 0;

    private sealed class Leaving(Action leave) : IDisposable
    {
        public void Dispose() => leave();
    }
}

/// <summary>Keeps every transfer for a test to look at.</summary>
public sealed class MemoryTransfers : ITransfers
{
    private readonly ConcurrentDictionary<string, Entry> _all = new();
    private int _next;

    public ITransfer Begin(string frontend, string userName, string peer, string kind, string? id = null)
    {
        var entry = new Entry(id ?? $"t{Interlocked.Increment(ref _next)}", frontend, userName, peer, kind);
        _all[entry.Id] = entry;
        return entry;
    }

    public TransferReport? Find(string id) => _all.TryGetValue(id, out var entry) ? entry.Report : null;

    public IReadOnlyList<TransferReport> Recent(int count) => [.. _all.Values.Select(e => e.Report).Take(count)];

    private sealed class Entry(string id, string frontend, string user, string peer, string kind) : ITransfer
    {
        private long _accepted;
        private long _durable;
        private string? _outcome;

        public string Id => id;

        public TransferReport Report => new(id, frontend, user, peer, kind, default, null, _accepted, _durable, _outcome, []);

        public void Accepted(long bytes) => Interlocked.Add(ref _accepted, bytes);

        public void Durable(long bytes) => Interlocked.Add(ref _durable, bytes);

        public void Note(string what)
        {
        }

        public void End(string outcome) => Interlocked.CompareExchange(ref _outcome, outcome, null);

        public void Dispose()
        {
        }
    }
}

/// <summary>A feed that a test appends to.</summary>
public sealed class MemoryFeed : IChangeFeed
{
    private readonly Lock _gate = new();
    private readonly List<Change> _changes = [];
    private TaskCompletionSource _more = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Cursors before this are gone.</summary>
    public long Oldest { get; set; }

    public long Head
    {
        get
        {
            lock (_gate)
            {
                return _changes.Count;
            }
        }
    }

    public void Add(ChangeKind kind, string path, long size = 0)
    {
        TaskCompletionSource more;
        lock (_gate)
        {
            _changes.Add(new Change { Sequence = _changes.Count + 1, Kind = kind, Path = FilePath.Parse(path), NodeId = _changes.Count + 1, NodeKind = NodeKind.File, Size = size, Author = "anna" });
            more = _more;
            _more = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        more.SetResult();
    }

    public ValueTask<ChangePage> ReadAsync(Principal who, long cursor, int count, CancellationToken ct)
    {
        lock (_gate)
        {
            if (cursor < Oldest)
            {
                throw new FluxException(FluxError.Gone, "The log does not reach back that far; list anew.");
            }

            var page = _changes.Skip((int)cursor).Take(count).ToList();
            var next = cursor + page.Count;
            return new ValueTask<ChangePage>(new ChangePage(page, next, next < _changes.Count));
        }
    }

    public Task WaitAsync(long cursor, CancellationToken ct)
    {
        lock (_gate)
        {
            return _changes.Count > cursor ? Task.CompletedTask : _more.Task.WaitAsync(ct);
        }
    }
}
