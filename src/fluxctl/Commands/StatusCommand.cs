using System.CommandLine;
using System.Globalization;
using Fluxd.Core.Admin;

namespace Fluxctl.Commands;

internal static class StatusCommand
{
    public static Command Make() => new Verb("status", "What the daemon is doing, where it listens, how full the disk is.", "fluxctl status", "fluxctl status --json")
        .Does(async (context, ct) => context.Answer(
            await context.Daemon.GetAsync("status", AdminJson.Default.StatusRecord, ct), AdminJson.Default.StatusRecord, Print));

    /// <summary>Also <c>store stat</c>'s.</summary>
    internal static void Print(StoreStatRecord store)
    {
        var used = store.DiskBytesTotal == 0 ? 0 : 100 - (100 * store.DiskBytesFree / store.DiskBytesTotal);
        Show.Lines(
            ("store", $"{store.Path} ({store.Id})"),
            ("state", store.Problem is null ? "reads and writes" : "only reads: " + store.Problem),
            ("files", $"{store.CurrentFiles}, {Show.Size(store.CurrentBytes)} as people see them"),
            ("chunks", Show.Count(store.Chunks)),
            ("packs", $"{store.Packs}, {Show.Size(store.PackBytes)} with all kept versions"),
            ("catalogue", Show.Size(store.CatalogBytes)),
            ("disk", $"{Show.Size(store.DiskBytesFree)} free of {Show.Size(store.DiskBytesTotal)} ({used} % used)"),
            ("catalogue copied", Show.Time(store.LastCopyAt)),
            ("all read since", store.OldestScrubAt is null ? "not yet" : Show.Time(store.OldestScrubAt)),
            ("last gc", Show.Time(store.LastGcAt)),
            ("runs now", store.Doing ?? "nothing"));
    }

    private static void Print(StatusRecord status)
    {
        Show.Lines(
            ("state", status.State),
            ("version", status.Version),
            ("process", status.ProcessId.ToString(CultureInfo.InvariantCulture)),
            ("since", Show.Time(status.StartedAt)),
            ("configuration", status.ConfigFile ?? "built-in defaults"),
            ("memory", Show.Size(status.ResidentBytes)),
            ("users", Show.Count(status.Users)),
            ("sessions", Show.Count(status.Sessions)));
        if (status.Store is { } store)
        {
            Console.Out.WriteLine();
            Print(store);
        }

        Console.Out.WriteLine();
        Show.Table(
            ["FRONTEND", "STATE", "LISTENS ON", "CONNECTIONS"],
            status.Frontends.Select(frontend => new[]
            {
                frontend.Name, !frontend.Enabled ? "off" : frontend.Running ? "running" : frontend.Problem ?? "not running",
                string.Join(", ", frontend.Endpoints), Show.Count(frontend.Connections),
            }));
        if (VersionOf.Mismatch(status.Version) is { } mismatch)
        {
            Console.Out.WriteLine("! " + mismatch);
        }

        foreach (var problem in status.Problems)
        {
            Console.Out.WriteLine("! " + Show.Plain(problem));
        }
    }
}
