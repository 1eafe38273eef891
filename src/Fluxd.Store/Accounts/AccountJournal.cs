using System.Threading.Channels;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Store.Catalog;
using Fluxd.Store.Coordination;

namespace Fluxd.Store.Accounts;

/// <summary>
/// Writes what may follow a login by a moment: lines of the audit log, times of last use, pairs that succeeded. One
/// loop, owned by whoever starts it; a bounded queue that never makes a login wait: what doesn't fit is counted, and
/// the count is written. Changes of accounts don't come this way: their line is in the transaction of the change.
/// </summary>
internal sealed class AccountJournal : IAsyncDisposable
{
    private const int BatchMax = 512;

    private readonly SqliteCatalog _catalog;
    private readonly AccountDirectory _directory;
    private readonly TimeProvider _clock;
    private readonly Action<Exception>? _failed;
    private readonly Channel<Action<CatalogTransaction>> _queue;
    private readonly Task _loop;
    private int _lost;

    /// <param name="failed">Told when a batch can't be written (the disk is full or read-only); the lines are lost then.</param>
    public AccountJournal(SqliteCatalog catalog, AccountDirectory directory, TimeProvider clock, Action<Exception>? failed)
    {
        (_catalog, _directory, _clock, _failed) = (catalog, directory, clock, failed);
        _queue = Channel.CreateBounded<Action<CatalogTransaction>>(new BoundedChannelOptions(AccountLimits.AuditWaitingMax) { SingleReader = true });
        _loop = Task.Run(RunAsync);
    }

    public void Audit(string kind, string actor, string subject, string peer, string frontend, string detail)
    {
        var entry = new AuditEntry(0, FileTime.Now(_clock), kind, actor, subject, peer, frontend, detail);
        Enqueue(transaction => AuditRows.Add(transaction, entry));
    }

    public void LoggedIn(long userId)
    {
        var now = FileTime.Now(_clock);
        Enqueue(transaction => Touch(transaction, "UPDATE user SET last_login = ?1 WHERE id = ?2", now, userId, userId));
    }

    public void Used(SshKeyRow key, long userId)
    {
        var now = FileTime.Now(_clock);
        if (IsNews(key.Info.LastUsedAt, now))
        {
            Enqueue(transaction => Touch(transaction, "UPDATE ssh_key SET last_used = ?1 WHERE id = ?2", now, key.Info.Id, userId));
        }
    }

    public void Used(TokenRow token)
    {
        var now = FileTime.Now(_clock);
        if (!IsNews(token.Info.LastUsedAt, now))
        {
            return;
        }

        Enqueue(transaction =>
        {
            using (var update = transaction.Sql("UPDATE token SET last_used = ?1 WHERE id = ?2").Bind(now.Nanoseconds).Bind(token.Info.Id))
            {
                update.Run();
            }

            Refresh(transaction, token.UserId);
        });
    }

    /// <summary>For others' rows that may follow by a moment too.</summary>
    public void Write(Action<CatalogTransaction> write) => Enqueue(write);

    public void Keep(TrustedPair pair) => Enqueue(transaction => CoordinatorRows.Add(transaction, pair));

    /// <summary>Returns when all that was queued before is durable.</summary>
    public async Task FlushAsync(CancellationToken ct)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await _queue.Writer.WriteAsync(transaction => transaction.AfterCommit(() => done.TrySetResult()), ct);
        await done.Task.WaitAsync(ct);
    }

    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await _loop;
    }

    private void Enqueue(Action<CatalogTransaction> write)
    {
        if (!_queue.Writer.TryWrite(write))
        {
            Interlocked.Increment(ref _lost);
        }
    }

    private static bool IsNews(FileTime? before, FileTime now) =>
        before is not { } time || now.Nanoseconds - time.Nanoseconds >= AccountLimits.LastUsedPrecision.Ticks * 100 || now < time;

    private async Task RunAsync()
    {
        var batch = new List<Action<CatalogTransaction>>(BatchMax);
        while (await _queue.Reader.WaitToReadAsync(CancellationToken.None))
        {
            batch.Clear();
            while (batch.Count < BatchMax && _queue.Reader.TryRead(out var write))
            {
                batch.Add(write);
            }

            await WriteAsync(batch);
        }
    }

    // Nobody waits for these lines, so a failure is reported and the loop goes on: logins must work on a full disk.
    private async Task WriteAsync(List<Action<CatalogTransaction>> batch)
    {
        var lost = Interlocked.Exchange(ref _lost, 0);
        try
        {
            await _catalog.WriteAsync(
                transaction =>
                {
                    batch.ForEach(write => write(transaction));
                    AuditRows.AddLost(transaction, lost, FileTime.Now(_clock));
                },
                CancellationToken.None);
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            Interlocked.Add(ref _lost, lost + batch.Count);
            _failed?.Invoke(failure);
        }
    }

    private void Touch(CatalogTransaction transaction, string sql, FileTime now, long id, long userId)
    {
        using (var update = transaction.Sql(sql).Bind(now.Nanoseconds).Bind(id))
        {
            update.Run();
        }

        Refresh(transaction, userId);
    }

    private void Refresh(CatalogTransaction transaction, long userId)
    {
        if (AccountRows.LoadAccount(transaction, userId) is { } account)
        {
            transaction.AfterCommit(() => _directory.Touch(snapshot => snapshot.With(account)));
        }
    }
}
