using System.Runtime.InteropServices;
using Xunit.Abstractions;

namespace Fluxd.Tests.Core.Chunking;

/// <summary>Data that chunkers have stumbled over.</summary>
internal static class ChunkSamples
{
    public static IEnumerable<(string Name, byte[] Data)> All(ITestOutputHelper output)
    {
        var seed = System.Random.Shared.Next();
        output.WriteLine($"seed {seed}");
        yield return ("random", Random(2 << 20, seed));
        yield return ("random, odd length", Random((1 << 20) + 77, seed + 1));
        yield return ("zeros", new byte[(1 << 20) + 13]);
        foreach (var period in new[] { 2, 3, 7, 16, 61, 64, 100, 1000 })
            yield return ($"period {period}", Periodic(600_000 + period, Random(period, seed + period)));
        yield return ("few values", [.. Random(700_000, seed + 2).Select(b => (byte)(b & 3))]);
        yield return ("digits", [.. Random(700_000, seed + 3).Select(b => (byte)('0' + b % 10))]);
        yield return ("zeros with islands", Islands(seed + 4));
        foreach (var length in new[] { 0, 1, 63, 64, 65, 16383, 16384, 16385, 16448, 16449, 65535, 65536, 65537, 262143, 262144, 262145 })
            yield return ($"length {length}", Random(length, seed + 5));
    }

    /// <summary>A few real libraries and texts of this machine.</summary>
    public static IReadOnlyList<string> RealFiles()
    {
        var runtime = RuntimeEnvironment.GetRuntimeDirectory();
        return [.. Directory.EnumerateFiles(runtime, "*.dll").Order(StringComparer.Ordinal).Take(60),
                .. Directory.EnumerateFiles(runtime, "*.so").Order(StringComparer.Ordinal)];
    }

    public static byte[] Random(int length, int seed)
    {
        var data = new byte[length];
        new Random(seed).NextBytes(data);
        return data;
    }

    private static byte[] Periodic(int length, byte[] period)
    {
        var data = new byte[length];
        for (var i = 0; i < length; i++)
            data[i] = period[i % period.Length];
        return data;
    }

    private static byte[] Islands(int seed)
    {
        var data = new byte[2 << 20];
        var random = new Random(seed);
        for (var i = 0; i < 40; i++)
            random.NextBytes(data.AsSpan(random.Next(data.Length - 9000), random.Next(9000)));
        return data;
    }
}
