using System.Globalization;
using Fluxd.LoadTests.House;

namespace Fluxd.LoadTests.Chaos;

/// <summary>chaos --fluxd FOLDER --fluxctl FOLDER [--seconds N] [--megabytes N] [--seed N] [--keep FOLDER] [--no-quic]</summary>
internal static class ChaosCommand
{
    /// <summary>Room of the disk beside what the writers may write: several versions, and the catalogue.</summary>
    private const int DiskFactor = 4;

    public static async Task<int> RunAsync(string[] arguments)
    {
        string Option(string name, string otherwise) => Array.IndexOf(arguments, "--" + name) is var at and >= 0 ? arguments[at + 1] : otherwise;
        int Number(string name, int otherwise) => int.Parse(Option(name, otherwise.ToString(CultureInfo.InvariantCulture)), CultureInfo.InvariantCulture);

        var (seed, megabytes) = (Number("seed", Environment.TickCount & 0xFFFFFF), Number("megabytes", 100));
        var work = Option("keep", "") is { Length: > 0 } keep ? Directory.CreateDirectory(keep).FullName : Directory.CreateTempSubdirectory("fluxd-chaos-").FullName;
        var disk = Directory.CreateDirectory(Path.Combine(work, "disk")).FullName;
        Console.WriteLine($"chaos: seed {seed}, {megabytes} MB, in {work}");
        var ownsDisk = (await Tool.RunAsync(TimeSpan.FromMinutes(1), null, null, "mount", "-t", "tmpfs", "-o", $"size={(megabytes * DiskFactor) + 400}m", "tmpfs", disk)).Code == 0;
        var good = false;
        try
        {
            var build = Path.GetFullPath(Option("fluxd", "."));
            var next = Path.Combine(work, "next-build");
            await NextBuild.MakeAsync(build, next);
            var places = new Places(work, [build, next], Path.GetFullPath(Option("fluxctl", ".")));
            good = await new ChaosRun(places, TimeSpan.FromSeconds(Number("seconds", 30)), seed, (long)megabytes << 20, ownsDisk, !arguments.Contains("--no-quic"), Console.Out).RunAsync();
            return good ? 0 : 1;
        }
        finally
        {
            if (!good)
            {
                Console.WriteLine($"the daemon's log is {work}/daemon.log");
            }

            if (ownsDisk)
            {
                await Tool.RunAsync(TimeSpan.FromMinutes(1), null, null, "umount", "-l", disk);
            }

            if (good && Option("keep", "").Length == 0)
            {
                Directory.Delete(work, recursive: true);
            }
        }
    }
}
