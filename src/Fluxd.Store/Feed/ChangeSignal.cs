using Fluxd.Store.Catalog;

namespace Fluxd.Store.Feed;

/// <summary>
/// The newest durable sequence number, and those who wait for a newer one: all on one promise, so a thousand waiters
/// cost a list of continuations, no thread and no timer. Thread-safe.
/// </summary>
internal sealed class ChangeSignal
{
    private TaskCompletionSource _next = New();
    private long _head;

    public ChangeSignal(long head) => _head = head;

    public long Head => Volatile.Read(ref _head);

    public static async Task<ChangeSignal> OpenAsync(SqliteCatalog catalog, CancellationToken ct) =>
        new(await catalog.ReadAsync(db => (db.Scalar("SELECT next FROM sequence WHERE name = 'change'") ?? 1) - 1, ct));

    /// <summary>Called in order, on the committer's thread only.</summary>
    public void Announce(long sequence)
    {
        Volatile.Write(ref _head, sequence);
        Interlocked.Exchange(ref _next, New()).TrySetResult();
    }

    public async Task WaitAsync(long cursor, CancellationToken ct)
    {
        while (true)
        {
            // Taken before the head is looked at: an announcement in between completes it.
            var next = Volatile.Read(ref _next);
            if (Head > cursor)
            {
                return;
            }

            await next.Task.WaitAsync(ct);
        }
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
