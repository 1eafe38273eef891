using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Coordination;
using Fluxd.Core.Files;

namespace Fluxd.Store.Coordination;

/// <summary>The live sessions of this process. Thread-safe.</summary>
internal sealed class Sessions(TimeProvider clock, IAuthenticator authenticator, Func<int>? perUserMax = null) : ISessions
{
    private readonly ConcurrentDictionary<string, Entry> _live = new(StringComparer.Ordinal);

    public int Count => _live.Count;

    public IDisposable Register(Principal principal, PeerInfo peer, string client, Action abort)
    {
        var id = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(9));
        var info = new SessionInfo(id, peer.Frontend, principal.UserName, peer.Address.ToString(), FileTime.Now(clock), Clean(client));
        var entry = new Entry(this, info, principal, abort);
        _live[id] = entry;

        // Counted with the new one in place, so that two at the same moment can't both be the last.
        if (perUserMax?.Invoke() is { } max && _live.Values.Count(other => other.Principal.UserId == principal.UserId) > max)
        {
            entry.Dispose();
            throw new FluxException(FluxError.Busy, $"This account has {max} sessions open, which is all it may; end one and try again.")
            {
                RetryAfter = TimeSpan.FromMinutes(1),
            };
        }

        if (!authenticator.IsStillValid(principal))
        {
            // Disabled between its login and this line: KillInvalid may have run before the entry was there.
            entry.Abort();
        }

        return entry;
    }

    public IReadOnlyList<SessionInfo> List() => [.. _live.Values.Select(entry => entry.Info).OrderBy(info => info.StartedAt)];

    public bool Kill(string id)
    {
        if (!_live.TryGetValue(id, out var entry))
        {
            return false;
        }

        entry.Abort();
        return true;
    }

    public int KillInvalid()
    {
        var invalid = _live.Values.Where(entry => !authenticator.IsStillValid(entry.Principal)).ToList();
        invalid.ForEach(entry => entry.Abort());
        return invalid.Count;
    }

    // A peer chooses its banner: it must not write into an administrator's terminal.
    private static string Clean(string client) => string.Concat(client.Where(c => !char.IsControl(c)).Take(128));

    private sealed class Entry(Sessions owner, SessionInfo info, Principal principal, Action abort) : IDisposable
    {
        private Action? _abort = abort;

        public SessionInfo Info => info;

        public Principal Principal => principal;

        public void Abort()
        {
            owner._live.TryRemove(info.Id, out _);
            try
            {
                Interlocked.Exchange(ref _abort, null)?.Invoke();
            }
            catch (Exception)
            {
                // A connection that ends by itself at this moment may throw; the next one must still be ended.
            }
        }

        public void Dispose()
        {
            owner._live.TryRemove(info.Id, out _);
            Interlocked.Exchange(ref _abort, null);
        }
    }
}
