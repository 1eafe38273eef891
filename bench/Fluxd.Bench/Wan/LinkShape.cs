using System.Globalization;

namespace Fluxd.Bench.Wan;

/// <summary>What one direction of an emulated link does to packets.</summary>
internal sealed record LinkShape
{
    public double DelayMs { get; init; }

    /// <summary>Share of packets lost at random, 0 to 1.</summary>
    public double Loss { get; init; }

    /// <summary>Bursts (Gilbert and Elliott's model): the chance to fall into the bad state, where everything is lost.</summary>
    public double BurstEnter { get; init; }

    /// <summary>The chance, for each packet, to leave the bad state.</summary>
    public double BurstLeave { get; init; } = 1;

    /// <summary>Megabits a second of the bottleneck; 0 is without one.</summary>
    public double RateMbit { get; init; }

    /// <summary>Bytes that wait before the bottleneck; more are dropped at the tail.</summary>
    public int QueueBytes { get; init; }

    /// <summary>"rtt=50 loss=1 rate=50 burst=0.3,25": milliseconds, percent, megabits a second, percents.</summary>
    public static LinkShape Parse(IEnumerable<string> words)
    {
        var shape = new LinkShape();
        foreach (var word in words)
        {
            var (key, value) = word.Split('=', 2) is [var k, var v] ? (k, v) : throw new ArgumentException($"{word}: expected key=value");
            shape = key switch
            {
                "rtt" => shape with { DelayMs = Number(value) / 2 },
                "loss" => shape with { Loss = Number(value) / 100 },
                "rate" => shape with { RateMbit = Number(value) },
                "burst" when value.Split(',') is [var enter, var leave] => shape with { BurstEnter = Number(enter) / 100, BurstLeave = Number(leave) / 100 },
                _ => throw new ArgumentException($"{word}: expected rtt, loss, rate or burst=ENTER,LEAVE"),
            };
        }

        // One bandwidth-delay product, as a router that somebody thought about; at least a few packets.
        return shape with { QueueBytes = (int)Math.Max(64 << 10, shape.RateMbit * 125 * shape.DelayMs * 2) };
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}
