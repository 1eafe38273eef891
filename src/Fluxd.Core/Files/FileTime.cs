namespace Fluxd.Core.Files;

/// <summary>Nanoseconds since 1970-01-01 UTC; what clients set is kept exactly (years 1677 to 2262).</summary>
public readonly record struct FileTime(long Nanoseconds) : IComparable<FileTime>
{
    private const long NanosecondsPerSecond = 1_000_000_000;

    public long Seconds => Math.DivRem(Nanoseconds - NanosecondsOfSecond, NanosecondsPerSecond).Quotient;

    /// <summary>0 to 999,999,999 also before 1970.</summary>
    public int NanosecondsOfSecond => (int)(((Nanoseconds % NanosecondsPerSecond) + NanosecondsPerSecond) % NanosecondsPerSecond);

    public static FileTime FromSeconds(long seconds, int nanoseconds = 0) => new(checked((seconds * NanosecondsPerSecond) + nanoseconds));

    /// <summary>The nearest that can be told: "valid until 9999" must not become a day of the past.</summary>
    public static FileTime From(DateTimeOffset time) =>
        new((long)Int128.Clamp((time.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks) * (Int128)TimeSpan.NanosecondsPerTick, long.MinValue, long.MaxValue));

    public static FileTime Now(TimeProvider clock) => From(clock.GetUtcNow());

    public DateTimeOffset ToDateTimeOffset() => new(DateTimeOffset.UnixEpoch.UtcTicks + (Nanoseconds / 100), TimeSpan.Zero);

    public int CompareTo(FileTime other) => Nanoseconds.CompareTo(other.Nanoseconds);

    public static bool operator <(FileTime left, FileTime right) => left.Nanoseconds < right.Nanoseconds;

    public static bool operator >(FileTime left, FileTime right) => left.Nanoseconds > right.Nanoseconds;

    public static bool operator <=(FileTime left, FileTime right) => left.Nanoseconds <= right.Nanoseconds;

    public static bool operator >=(FileTime left, FileTime right) => left.Nanoseconds >= right.Nanoseconds;
}
