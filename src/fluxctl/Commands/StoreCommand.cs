using System.CommandLine;
using Fluxd.Core.Admin;

namespace Fluxctl.Commands;

/// <summary>
/// The store. What works on a store that no daemon has open is done by fluxd itself: <see cref="FluxdBeside"/>.
/// </summary>
internal static class StoreCommand
{
    private static readonly Option<string> s_config = new("--config") { Description = "fluxd's configuration file", HelpName = "FILE", Required = true };

    private static readonly Option<bool> s_readData = new("--read-data") { Description = "Also read every chunk and compare it with its hash" };

    private static readonly Option<long?> s_limit = new("--bytes-per-second") { Description = "How fast to read; 0: as fast as the disk can", HelpName = "BYTES" };

    private static readonly Option<long?> s_moveLimit = new("--bytes-per-second") { Description = "How fast to move what is needed out of half-empty packs; 0: as fast as the disk can", HelpName = "BYTES" };

    private static readonly Option<bool> s_dryRun = new("--dry-run") { Description = "Only look, and tell what is there" };

    private static readonly Argument<string> s_folder = new("folder") { Description = "Where to, best on another disk; the daemon's user must be able to write there" };

    private static readonly Argument<string> s_from = new("backup") { Description = "The backup's folder" };

    private static readonly Argument<string> s_to = new("target") { Description = "Where the store is to be: an empty folder, or none yet" };

    public static Command Make() => new Verb("store", "The store of all files.").With(
        new Verb(
            "init", "Makes an empty store at [store] path, where there is none. The daemon must not be running.",
            "sudo -u fluxd fluxctl store init --config /etc/fluxd/fluxd.toml")
            .With(s_config).Does((context, ct) => FluxdBeside.RunAsync(["--init-store", "--config", context.Get(s_config)!], ct)),
        new Verb("stat", "What the store holds, and when it was last copied and read through.", "fluxctl store stat")
            .Does(async (context, ct) => context.Answer(
                await context.Daemon.GetAsync("store/stat", AdminJson.Default.StoreStatRecord, ct), AdminJson.Default.StoreStatRecord, StatusCommand.Print)),
        new Verb(
            "fsck", "Compares the catalogue with itself and with the packs, and changes nothing. Exit code 2 when bytes of files are damaged.",
            "fluxctl store fsck", "fluxctl store fsck --read-data")
            .With(s_readData).Does(FsckAsync),
        new Verb(
            "scrub", "Reads all closed packs, flags what doesn't match its hash, and heals what was uploaded again since. Removes nothing.",
            "fluxctl store scrub", "fluxctl store scrub --bytes-per-second 0")
            .With(s_limit).Does(ScrubAsync),
        new Verb(
            "gc", "Gives back the room of what nothing refers to, at once; the daemon does it at leisure once a day. May be broken off at any time.",
            "fluxctl store gc --dry-run", "fluxctl store gc")
            .With(s_dryRun, s_moveLimit).Does(CollectAsync),
        new Verb("backup", "Copies the store while it runs; again into the same folder, only what is new.", "fluxctl store backup /mnt/backup/fluxd")
            .With(s_folder).Does(BackupAsync),
        new Verb(
            "export", "Writes everybody's files as plain ones into an empty folder, as they are at this moment, while clients go on: home/USER and shared/FOLDER, without older versions. Exit code 2 when some could not be written.",
            "fluxctl store export /mnt/usb/files")
            .With(s_folder).Does(ExportAsync),
        new Verb("copy", "Copies the catalogue into snap/ inside the store, as happens daily.", "fluxctl store copy")
            .Does(async (context, ct) => context.Answer(
                await TellAsync(context, context.Daemon.WithoutTimeout().PostAsync("store/copy", AdminJson.Default.CopyRecord, ct), ct), AdminJson.Default.CopyRecord,
                copy => Show.Lines(("copy", copy.Path), ("made", Show.Time(copy.MadeAt)), ("size", Show.Size(copy.Bytes))))),
        new Verb("restore", "Makes a store out of a backup. No daemon is needed.", "sudo -u fluxd fluxctl store restore /mnt/backup/fluxd /srv/fluxd")
            .With(s_from, s_to).Does((context, ct) => FluxdBeside.RunAsync(["--restore-store", context.Get(s_from), context.Get(s_to)], ct)),
        new Verb(
            "verify", "Reads a backup, or a store, through and compares every chunk with its hash; changes nothing. Exit code 2 when something is damaged. No daemon is needed.",
            "sudo -u fluxd fluxctl store verify /mnt/backup/fluxd")
            .With(s_from).Does((context, ct) => FluxdBeside.RunAsync(["--verify-store", context.Get(s_from)], ct)),
        new Verb(
            "rebuild", "Makes a lost or damaged catalogue anew out of its newest copy and the log in the packs. The daemon must not be running.",
            "sudo -u fluxd fluxctl store rebuild --config /etc/fluxd/fluxd.toml")
            .With(s_config).Does((context, ct) => FluxdBeside.RunAsync(["--rebuild-store", "--config", context.Get(s_config)!], ct)));

    private static async Task<int> FsckAsync(Context context, CancellationToken ct)
    {
        var work = context.Daemon.WithoutTimeout().PostAsync("store/fsck" + (context.Get(s_readData) ? "?read-data=true" : ""), AdminJson.Default.FsckRecord, ct);
        var report = await TellAsync(context, work, ct);
        context.Answer(report, AdminJson.Default.FsckRecord, Print);
        return report.Damaged ? ExitCodes.Damaged : ExitCodes.Good;
    }

    private static async Task<int> ScrubAsync(Context context, CancellationToken ct)
    {
        var query = context.Get(s_limit) is { } limit ? FormattableString.Invariant($"?bytes-per-second={limit}") : "";
        return context.Answer(
            await TellAsync(context, context.Daemon.WithoutTimeout().PostAsync("store/scrub" + query, AdminJson.Default.ScrubRecord, ct), ct), AdminJson.Default.ScrubRecord,
            report => Show.Lines(
                ("read", $"{report.Packs} packs, {report.Chunks} chunks, {Show.Size(report.Bytes)}"),
                ("newly damaged", Show.Count(report.NewlyBad)),
                ("healed", Show.Count(report.Healed)),
                ("still damaged", Show.Count(report.StillBad))));
    }

    private static async Task<int> CollectAsync(Context context, CancellationToken ct)
    {
        var query = $"?dry-run={(context.Get(s_dryRun) ? "true" : "false")}"
            + (context.Get(s_moveLimit) is { } limit ? FormattableString.Invariant($"&bytes-per-second={limit}") : "");
        var work = context.Daemon.WithoutTimeout().PostAsync("store/gc" + query, AdminJson.Default.GcRecord, ct);
        return context.Answer(await TellAsync(context, work, ct), AdminJson.Default.GcRecord, Print);
    }

    /// <summary>What the daemon is at, on standard error, until it is done; nothing for programs.</summary>
    private static async Task<T> TellAsync<T>(Context context, Task<T> work, CancellationToken ct)
    {
        var last = "";
        while (!context.Json && await Task.WhenAny(work, Task.Delay(TimeSpan.FromSeconds(2), ct)) != work)
        {
            ct.ThrowIfCancellationRequested();
            if ((await context.Daemon.GetAsync("store/stat", AdminJson.Default.StoreStatRecord, ct)).Doing is { } doing && doing != last)
            {
                await Console.Error.WriteLineAsync(Show.Plain(last = doing));
            }
        }

        return await work;
    }

    private static void Print(GcRecord done)
    {
        Show.Lines(
            ("nothing refers to", $"{Show.Size(done.BytesDead)}, beside {Show.Size(done.BytesLive)} that are needed"),
            ("kept more than once", Show.Size(done.BytesDouble)),
            ("contents", done.DryRun ? $"{done.ContentsWaiting} would be removed" : $"{done.ContentsRemoved} removed, {done.ContentsWaiting} left because somebody uses them"));
        if (!done.DryRun)
        {
            Show.Lines(
                ("packs emptied", $"{done.PacksEmptied}, {Show.Size(done.BytesMoved)} moved out of them, {Show.Size(done.BytesFolded)} found elsewhere"),
                ("packs with damage", $"{done.PacksKeptForDamage}, left as they are"),
                ("given back", Show.Size(done.BytesFreed)),
                ("given back later", Show.Size(done.BytesWaiting)),
                ("note", done.Stopped ?? "all was done"));
        }
    }

    private static async Task<int> BackupAsync(Context context, CancellationToken ct) => context.Answer(
        await TellAsync(
            context,
            context.Daemon.WithoutTimeout().SendAsync(
                HttpMethod.Post, "store/backup", Folder(context), AdminJson.Default.StoreFolderRequest, AdminJson.Default.BackupRecord, ct),
            ct),
        AdminJson.Default.BackupRecord,
        made => Show.Lines(
            ("backup", made.Folder),
            ("copied", $"{made.PacksCopied} packs, {Show.Size(made.BytesCopied)}"),
            ("there before", $"{made.PacksKept} packs")));

    private static async Task<int> ExportAsync(Context context, CancellationToken ct)
    {
        var work = context.Daemon.WithoutTimeout().SendAsync(
            HttpMethod.Post, "store/export", Folder(context), AdminJson.Default.StoreFolderRequest, AdminJson.Default.ExportRecord, ct);
        var made = await TellAsync(context, work, ct);
        context.Answer(made, AdminJson.Default.ExportRecord, Print);
        return made.Problems.Count == 0 ? ExitCodes.Good : ExitCodes.Damaged;
    }

    private static StoreFolderRequest Folder(Context context) => new(Path.GetFullPath(context.Get(s_folder)));

    private static void Print(ExportRecord made)
    {
        foreach (var problem in made.Problems)
        {
            Console.Error.WriteLine(Show.Plain(problem));
        }

        Show.Lines(
            ("export", made.Folder),
            ("written", $"{made.Files} files, {Show.Size(made.Bytes)}"),
            ("not written", Show.Count(made.Problems.Count + made.More)));
    }

    private static void Print(FsckRecord report)
    {
        foreach (var finding in report.Findings)
        {
            Console.Out.WriteLine($"{(finding.Damage ? "DAMAGE" : "note  ")}  {Show.Plain(finding.What)}");
            foreach (var path in finding.Paths)
            {
                Console.Out.WriteLine("        " + Show.Plain(path));
            }
        }

        var more = report.More > 0 ? $", and {report.More} that are not listed" : "";
        Console.Out.WriteLine(report.Findings.Count == 0 ? "No findings." : $"{report.Findings.Count} findings{more}.");
    }
}
