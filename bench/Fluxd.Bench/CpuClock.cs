using System.Runtime.InteropServices;

namespace Fluxd.Bench;

/// <summary>CPU time of the calling thread: what others do on the machine hardly moves it.</summary>
internal static partial class CpuClock
{
    private const int ThreadCpuTime = 3; // CLOCK_THREAD_CPUTIME_ID on Linux

    /// <summary>Bytes per second of CPU, the best of a few runs.</summary>
    internal static double BestRate(long bytes, Action action, int runs = 5)
    {
        action(); // compiled and warm
        var best = 0.0;
        for (var i = 0; i < runs; i++)
        {
            var start = Seconds();
            action();
            best = Math.Max(best, bytes / (Seconds() - start));
        }
        return best;
    }

    internal static double Seconds()
    {
        if (GetTime(ThreadCpuTime, out var time) != 0)
            throw new InvalidOperationException("The system has no clock for a thread's CPU time.");
        return time.Seconds + time.Nanoseconds / 1e9;
    }

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static partial int GetTime(int clock, out Time time);

    private struct Time
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
