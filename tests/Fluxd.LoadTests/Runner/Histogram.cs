using System.Numerics;

namespace Fluxd.LoadTests.Runner;

/// <summary>
/// Counts of durations in microseconds, in buckets that grow with the value: 64 to each power of two, so that every
/// percentile is right to 1.6 %. Fixed memory, whatever the number of samples. Thread-safe.
/// </summary>
internal sealed class Histogram
{
    private const int SubBits = 6;
    private const int SubCount = 1 << SubBits;
    private const int Powers = 40 - SubBits; // up to 2^40 µs: twelve days
    private readonly long[] _counts = new long[(Powers + 1) * SubCount];
    private long _count;
    private long _sum;
    private long _max;
    private long _min = long.MaxValue;

    public long Count => Interlocked.Read(ref _count);

    public TimeSpan Max => TimeSpan.FromMicroseconds(Interlocked.Read(ref _max));

    public TimeSpan Min => Count == 0 ? TimeSpan.Zero : TimeSpan.FromMicroseconds(Interlocked.Read(ref _min));

    public TimeSpan Mean => Count == 0 ? TimeSpan.Zero : TimeSpan.FromMicroseconds(Interlocked.Read(ref _sum) / (double)Count);

    public void Add(TimeSpan duration)
    {
        var value = Math.Max(0, (long)duration.TotalMicroseconds);
        Interlocked.Increment(ref _counts[BucketOf(value)]);
        Interlocked.Increment(ref _count);
        Interlocked.Add(ref _sum, value);
        Raise(ref _max, value, higher: true);
        Raise(ref _min, value, higher: false);
    }

    /// <summary>The smallest duration that at least <paramref name="percent"/> of the samples did not exceed (its bucket's upper end).</summary>
    public TimeSpan Percentile(double percent)
    {
        var wanted = Math.Max(1, (long)Math.Ceiling(Count * percent / 100));
        var seen = 0L;
        for (var bucket = 0; bucket < _counts.Length; bucket++)
        {
            seen += Interlocked.Read(ref _counts[bucket]);
            if (seen >= wanted)
            {
                return TimeSpan.FromMicroseconds(Math.Min(UpperEndOf(bucket), Interlocked.Read(ref _max)));
            }
        }

        return Max;
    }

    internal static int BucketOf(long value)
    {
        if (value < SubCount)
        {
            return (int)value;
        }

        var power = BitOperations.Log2((ulong)value) - SubBits;
        return power >= Powers
            ? (Powers * SubCount) + SubCount - 1
            : ((power + 1) * SubCount) + (int)((value >> power) - SubCount);
    }

    internal static long UpperEndOf(int bucket)
    {
        if (bucket < SubCount)
        {
            return bucket;
        }

        var power = (bucket / SubCount) - 1;
        return (((long)(bucket % SubCount) + SubCount + 1) << power) - 1;
    }

    private static void Raise(ref long place, long value, bool higher)
    {
        var seen = Interlocked.Read(ref place);
        while ((higher ? value > seen : value < seen) && Interlocked.CompareExchange(ref place, value, seen) is var now && now != seen)
        {
            seen = now;
        }
    }
}
