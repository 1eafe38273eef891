using System.Diagnostics;
using System.Globalization;

namespace Fluxd.Bench.Wan;

/// <summary>
/// A link between two network namespaces with delay, loss and a bottleneck, for kernels without netem. Runs until its
/// standard input ends; a line "outage SECONDS" on it takes the link away for so long.
/// </summary>
internal static class WanLink
{
    private const string Interface = "wan0";
    private static double s_downUntil;

    public static void Run(string aSpace, string bSpace, IEnumerable<string> shapeWords)
    {
        var shape = LinkShape.Parse(shapeWords);
        using var a = new TunDevice(aSpace, Interface);
        using var b = new TunDevice(bSpace, Interface);
        Connect(aSpace, "198.51.100.2/24");
        Connect(bSpace, "203.0.113.2/24");
        var clock = Stopwatch.StartNew();
        var ended = new ManualResetEventSlim();
        new Thread(() => Obey(clock, ended)) { IsBackground = true }.Start();
        Console.WriteLine("ready");
        var (up, down) = (new Direction(shape, 1), new Direction(shape, 2));
        var buffer = new byte[65536];
        while (!ended.IsSet)
        {
            Pump(a, up, buffer, clock);
            Pump(b, down, buffer, clock);
            var now = clock.Elapsed.TotalMilliseconds;
            up.Release(now, b.Write);
            down.Release(now, a.Write);
            var wait = Math.Min(up.NextDue, down.NextDue) - clock.Elapsed.TotalMilliseconds;
            if (wait > 0)
            {
                TunDevice.WaitForEither(a, b, Math.Min(wait, 200));
            }
        }

        Report("up", up);
        Report("down", down);
    }

    private static void Pump(TunDevice from, Direction to, byte[] buffer, Stopwatch clock)
    {
        for (var i = 0; i < 64; i++)
        {
            var length = from.Read(buffer);
            if (length == 0)
            {
                return;
            }

            var now = clock.Elapsed.TotalMilliseconds;
            to.Accept(buffer.AsSpan(0, length), now, now < Volatile.Read(ref s_downUntil));
        }
    }

    private static void Obey(Stopwatch clock, ManualResetEventSlim ended)
    {
        while (Console.ReadLine() is { } line)
        {
            if (line.Split(' ') is ["outage", var seconds])
            {
                Volatile.Write(ref s_downUntil, clock.Elapsed.TotalMilliseconds + (double.Parse(seconds, CultureInfo.InvariantCulture) * 1000));
            }
        }

        ended.Set();
    }

    private static void Connect(string space, string address)
    {
        Ip(space, "link", "set", Interface, "up", "mtu", "1500", "txqueuelen", "2000");
        Ip(space, "addr", "add", address, "dev", Interface);
        Ip(space, "route", "replace", "default", "dev", Interface);
    }

    private static void Ip(string space, params string[] arguments)
    {
        using var ip = Process.Start("ip", ["-n", space, .. arguments]);
        ip.WaitForExit();
        if (ip.ExitCode != 0)
        {
            throw new IOException($"ip {string.Join(' ', arguments)} failed in {space}.");
        }
    }

    private static void Report(string name, Direction direction) =>
        Console.WriteLine($"{name} packets {direction.Packets} lost {direction.Lost} tail-dropped {direction.TailDropped}");
}
