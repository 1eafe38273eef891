using Fluxd.Core.Files;

namespace Fluxd.Store.Files;

/// <summary>How long the past is kept.</summary>
internal sealed record RetentionPolicy
{
    /// <summary>Replaced and removed content, at the longest.</summary>
    public TimeSpan Keep { get; init; } = TimeSpan.FromDays(30);

    /// <summary>All versions of the last day; then one an hour for this long…</summary>
    public TimeSpan Hourly { get; init; } = TimeSpan.FromDays(3);

    /// <summary>… one a day for this long, one a week for that long, then one a month.</summary>
    public TimeSpan Daily { get; init; } = TimeSpan.FromDays(30);

    public TimeSpan Weekly { get; init; } = TimeSpan.FromDays(180);

    /// <summary>What the past of one tree may hold, in parts of its quota; the oldest goes first.</summary>
    public double BudgetOfQuota { get; init; } = 1;
}

internal static class Retention
{
    /// <summary>The full hours that can be looked at, newest first: every one of the last days, none from before the account.</summary>
    public static IEnumerable<FileName> SnapshotNames(DateTimeOffset now, DateTimeOffset since)
    {
        var hour = new DateTimeOffset(now.UtcDateTime.Date.AddHours(now.UtcDateTime.Hour), TimeSpan.Zero);
        for (var i = 0; i < FilesLimits.SnapshotsListedMax && hour >= since; i++, hour = hour.AddHours(-1))
        {
            yield return SnapshotName.From(hour);
        }
    }
}
