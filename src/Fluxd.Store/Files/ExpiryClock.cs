using Fluxd.Core.Files;
using Fluxd.Store.Catalog;

namespace Fluxd.Store.Files;

/// <summary>
/// Whether the clock may be believed enough to let things expire. Not before it is synchronised; not within a day of a
/// jump of more than an hour, seen against the running monotonic clock or, after a start, against the time stored last
/// (a machine that was off looks the same: it waits a day, too). One caller at a time.
/// </summary>
internal sealed class ExpiryClock(SqliteCatalog catalog, TimeProvider clock, Func<bool> isSynchronised)
{
    private const string Seen = "clock_seen";
    private const string Jumped = "clock_jumped";
    private static readonly TimeSpan s_jump = TimeSpan.FromHours(1);
    private static readonly TimeSpan s_wait = TimeSpan.FromDays(1);

    private long? _lastStamp;
    private long _lastTime;

    /// <summary>Looks at the clock, notes what it sees, and says whether anything may expire now.</summary>
    public async Task<bool> MayExpireAsync(CancellationToken ct)
    {
        if (!isSynchronised())
        {
            return false;
        }

        var now = FileTime.Now(clock).Nanoseconds;
        var stamp = clock.GetTimestamp();
        var (seen, jumped) = await catalog.ReadAsync(db => (Get(db, Seen), Get(db, Jumped)), ct);
        var expected = _lastStamp is { } last ? _lastTime + (clock.GetElapsedTime(last, stamp).Ticks * 100) : seen;
        (_lastStamp, _lastTime) = (stamp, now);
        if (expected is { } should && Math.Abs(now - should) > s_jump.Ticks * 100)
        {
            jumped = now;
        }

        await catalog.WriteAsync(
            db =>
            {
                Set(db, Seen, now);
                if (jumped is { } at)
                {
                    Set(db, Jumped, at);
                }
            },
            ct);

        // A jump from the future back leaves a later time: that one is over when the clock passes it, at the latest in a day.
        return jumped is not { } when || now - when >= s_wait.Ticks * 100;
    }

    private static long? Get(CatalogReader db, string key)
    {
        using var row = db.Sql("SELECT value FROM meta WHERE key = ?1").Bind(key);
        return row.RunScalar();
    }

    private static void Set(CatalogTransaction db, string key, long value)
    {
        using var set = db.Sql("INSERT INTO meta(key, value) VALUES (?1, ?2) ON CONFLICT(key) DO UPDATE SET value = excluded.value").Bind(key).Bind(value);
        set.Run();
    }
}
