using System.CommandLine;
using System.Globalization;
using Fluxd.Core.Admin;

namespace Fluxctl.Commands;

internal static class StatusCommand
{
    public static Command Make() => new Verb("status", "What the daemon is doing, where it listens, how full the disk is.", "fluxctl status", "fluxctl status --json")
        .Does(async (context, ct) => context.Answer(
            await context.Daemon.GetAsync("status", AdminJson.Default.StatusRecord, ct), AdminJson.Default.StatusRecord, Print));

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
            var used = store.DiskBytesTotal == 0 ? 0 : 100 - (100 * store.DiskBytesFree / store.DiskBytesTotal);
            Show.Lines(
                ("store", store.Path + (store.ReadOnly ? " (read-only)" : "")),
                ("disk", $"{Show.Size(store.DiskBytesFree)} free of {Show.Size(store.DiskBytesTotal)} ({used} % used)"));
        }

        Console.Out.WriteLine();
        Show.Table(
            ["FRONTEND", "STATE", "LISTENS ON", "CONNECTIONS"],
            status.Frontends.Select(frontend => new[]
            {
                frontend.Name, !frontend.Enabled ? "off" : frontend.Running ? "running" : frontend.Problem ?? "not running",
                string.Join(", ", frontend.Endpoints), Show.Count(frontend.Connections),
            }));
        foreach (var problem in status.Problems)
        {
            Console.Out.WriteLine("! " + Show.Plain(problem));
        }
    }
}
