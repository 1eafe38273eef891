using System.Diagnostics;
using System.Globalization;

namespace Fluxd.Bench;

/// <summary>What this process has cost since it was looked at last: wall and CPU seconds, bytes written; and its peak of memory.</summary>
internal sealed class Usage
{
    private readonly Stopwatch _wall = Stopwatch.StartNew();
    private readonly double _cpu = Cpu();
    private readonly long _written = Written();

    internal double WallSeconds => _wall.Elapsed.TotalSeconds;

    internal double CpuSeconds => Cpu() - _cpu;

    internal long BytesWritten => Written() - _written;

    internal static long PeakMiB => ReadLine("/proc/self/status", "VmHWM:") / 1024;

    private static double Cpu()
    {
        using var process = Process.GetCurrentProcess();
        return process.TotalProcessorTime.TotalSeconds;
    }

    /// <summary>What this process made the page cache write, whoever wrote it out.</summary>
    private static long Written() => ReadLine("/proc/self/io", "write_bytes:");

    private static long ReadLine(string file, string name)
    {
        var line = File.ReadLines(file).First(line => line.StartsWith(name, StringComparison.Ordinal));
        return long.Parse(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }
}
