using Fluxd.Core.Files;
using Fluxd.Store.Uploads;

namespace Fluxd.Store.Files;

/// <summary>How long the past is kept.</summary>
internal sealed record RetentionPolicy
{
    /// <summary>The longest time that snapshots are listed for, whatever is configured.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromDays(31);

    /// <summary>Replaced and removed content, at the longest.</summary>
    public TimeSpan Keep { get; init; } = TimeSpan.FromDays(30);

    /// <summary>An unfinished upload, after its last byte.</summary>
    public TimeSpan KeepUploads { get; init; } = UploadLimits.Life;

    /// <summary>All versions of the last day; then one an hour for this long…</summary>
    public TimeSpan Hourly { get; init; } = TimeSpan.FromDays(3);

    /// <summary>… one a day for this long, one a week for that long, then one a month.</summary>
    public TimeSpan Daily { get; init; } = TimeSpan.FromDays(30);

    public TimeSpan Weekly { get; init; } = TimeSpan.FromDays(180);

    /// <summary>What the past of one tree may hold, in parts of its quota; the oldest goes first.</summary>
    public double BudgetOfQuota { get; init; } = 1;
}

/// <summary>The rules of thinning. Pure.</summary>
internal static class Retention
{
    private const long NanosecondsPerHour = 3_600_000_000_000;
    private const long NanosecondsPerDay = 24 * NanosecondsPerHour;
    private const long NanosecondsPerWeek = 7 * NanosecondsPerDay;

    /// <summary>The full hours that can be looked at, newest first: none from before the account or beyond what is kept.</summary>
    public static IEnumerable<FileName> SnapshotNames(DateTimeOffset now, DateTimeOffset since, TimeSpan keep)
    {
        var oldest = now - keep > since ? now - keep : since;
        var hour = new DateTimeOffset(now.UtcDateTime.Date.AddHours(now.UtcDateTime.Hour), TimeSpan.Zero);
        for (var i = 0; i < FilesLimits.SnapshotsListedMax && hour >= oldest; i++, hour = hour.AddHours(-1))
        {
            yield return SnapshotName.From(hour);
        }
    }

    /// <summary>
    /// Of one file's past versions (by creation, ascending) those that thinning takes: in each slot of time the newest
    /// stays. The slots are fixed in UTC, so that running it again takes nothing more.
    /// </summary>
    public static IEnumerable<long> Thin(IReadOnlyList<(long Version, long Created)> past, long now, RetentionPolicy policy)
    {
        for (var i = 0; i + 1 < past.Count; i++)
        {
            var slot = SlotOf(past[i].Created, now, policy);
            if (slot is not null && slot == SlotOf(past[i + 1].Created, now, policy))
            {
                yield return past[i].Version;
            }
        }
    }

    // The kind of slot is part of it: at the border between two kinds nothing is taken too early.
    private static (int Kind, long Number)? SlotOf(long created, long now, RetentionPolicy policy)
    {
        var age = TimeSpan.FromTicks((now - created) / 100);
        return age < TimeSpan.FromDays(1) ? null
            : age < policy.Hourly ? (1, created / NanosecondsPerHour)
            : age < policy.Daily ? (2, created / NanosecondsPerDay)
            : age < policy.Weekly ? (3, created / NanosecondsPerWeek)
            : (4, Month(created));
    }

    private static long Month(long created)
    {
        var date = new FileTime(created).ToDateTimeOffset();
        return (date.Year * 12) + date.Month;
    }
}
