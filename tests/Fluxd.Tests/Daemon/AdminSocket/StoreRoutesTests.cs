using System.Diagnostics;
using Fluxd.Daemon.AdminSocket;
using Fluxd.Store.Upkeep;
using Fluxd.Store.Upkeep.Check;
using Fluxd.Store.Upkeep.Copies;
using Fluxd.Tests.Store.Accounts;
using Fluxd.Tests.Store.Upkeep;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Fluxd.Tests.Daemon.AdminSocket;

/// <summary>fluxctl store … as a process against the admin socket of a real store.</summary>
public sealed class StoreRoutesTests : UpkeepFixture
{
    [Fact(Timeout = 2 * TimeoutMs)]
    public async Task An_administrator_looks_backs_up_and_hears_of_damage_by_exit_code()
    {
        await Work();
        await WithDaemonAsync(async socket =>
        {
            Assert.Contains("reads and writes", (await RunAsync(socket, "store", "stat")).Output, StringComparison.Ordinal);
            Assert.Equal(0, (await RunAsync(socket, "store", "fsck", "--read-data")).Code);
            Assert.Equal(0, (await RunAsync(socket, "store", "copy")).Code);
            Assert.Single(Copies.List());
            var backup = await RunAsync(socket, "store", "backup", At("backup"));
            Assert.True(backup.Code == 0, backup.Error);
            Assert.Equal(1, (await RunAsync(socket, "store", "backup", At("store/in"))).Code);
        });
        await Flip("/big");
        await WithDaemonAsync(async socket =>
        {
            var fsck = await RunAsync(socket, "store", "fsck", "--read-data");
            Assert.Equal(2, fsck.Code);
            Assert.Contains("/big", fsck.Output, StringComparison.Ordinal);
            Assert.Equal(0, (await RunAsync(socket, "store", "fsck")).Code);
            Assert.Contains("newly damaged", (await RunAsync(socket, "store", "scrub", "--bytes-per-second", "0")).Output, StringComparison.Ordinal);
            Assert.Equal(2, (await RunAsync(socket, "store", "fsck")).Code);
        });
        var verified = await RunAsync("none", "store", "verify", At("backup"));
        Assert.True(verified.Code == 0 && verified.Output.Contains("0 findings", StringComparison.Ordinal), verified.Output + verified.Error);
        var damaged = await RunAsync("none", "store", "verify", Home);
        Assert.Equal(2, damaged.Code);
        Assert.Contains("/big", damaged.Output, StringComparison.Ordinal);
        Assert.Equal(1, (await RunAsync("none", "store", "verify", At("nothing here"))).Code);
        Assert.Equal(0, (await RunAsync("none", "store", "restore", At("backup"), At("restored"))).Code);
        Assert.Equal(1, (await RunAsync("none", "store", "restore", At("backup"), At("restored"))).Code);
        await Reopen(At("restored"));
        await EverythingReads();
        await IsClean();
    }

    [Fact(Timeout = 2 * TimeoutMs)]
    public async Task A_lost_catalogue_is_rebuilt_by_command_only_while_nobody_has_the_store()
    {
        await Work();
        await Copies.MakeAsync(Ct);
        await Put("/after", Noise(90, 900_000));
        var config = At("fluxd.toml");
        await File.WriteAllTextAsync(config, $"[store]\npath = \"{Home}\"\n[daemon]\nstate = \"{At("state")}\"\n");
        Assert.Equal(1, (await RunAsync("none", "store", "rebuild", "--config", config)).Code);
        await Store.DisposeAsync();
        File.Delete(Path.Combine(Home, "catalog.db"));
        var rebuilt = await RunAsync("none", "store", "rebuild", "--config", config);
        Assert.True(rebuilt.Code == 0, rebuilt.Error);
        await OpenAsync(Home);
        Assert.Null(Store.Fault);
        await EverythingReads();
        await IsClean();
    }

    [Fact(Timeout = 2 * TimeoutMs)]
    public async Task People_see_how_far_it_is_and_programs_only_the_answer()
    {
        await Work();
        await Reopen();
        await WithDaemonAsync(async socket =>
        {
            var seen = await RunAsync(socket, "store", "scrub", "--bytes-per-second", "2000000");
            Assert.Contains("MiB read", seen.Error, StringComparison.Ordinal);
            Assert.Contains("newly damaged", seen.Output, StringComparison.Ordinal);
            var json = await RunAsync(socket, "store", "scrub", "--bytes-per-second", "2000000", "--json");
            Assert.Equal((0, ""), (json.Code, json.Error));
        });

        var checks = new List<string>();
        await new StoreCheck(Store.CatalogFile, Store.Packs) { Progress = checks.Add }.RunAsync(readData: true, Ct);
        Assert.Contains(checks, text => text.Contains("MiB read and compared", StringComparison.Ordinal));
        var packs = new List<(long Done, long All)>();
        await new StoreBackup(Store.StorePath, Store.CatalogFile).RunAsync(At("backup"), (done, all) => packs.Add((done, all)), Ct);
        Assert.True(packs.Count > 1 && packs[0].Done == 0 && packs[^1].Done < packs[^1].All);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_copy_that_a_dead_process_left_unfinished_gives_its_room_back_at_the_start()
    {
        await Work();
        var unfinished = Path.Combine(Store.CopiesPath, "unfinished.db");
        await File.WriteAllBytesAsync(unfinished, Noise(1, 100_000));
        await File.WriteAllBytesAsync(unfinished + "-journal", Noise(2, 1_000));
        await Reopen();
        Assert.Empty(Directory.GetFiles(Store.CopiesPath, "unfinished*"));
        await Copies.MakeAsync(Ct);
        Assert.Empty(Directory.GetFiles(Store.CopiesPath, "unfinished*"));
        Assert.Single(Copies.List());
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_copy_is_made_once_a_day()
    {
        await Work();
        using var upkeep = new StoreUpkeep(Store);
        Assert.NotNull(await upkeep.CopyIfDueAsync(Ct));
        Assert.Null(await upkeep.CopyIfDueAsync(Ct));
        File.SetLastWriteTimeUtc(Copies.List()[0].Path, TimeProvider.System.GetUtcNow().UtcDateTime - TimeSpan.FromHours(25));
        Assert.NotNull(await upkeep.CopyIfDueAsync(Ct));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Garbage_is_collected_once_a_day_and_packs_are_read_through_once_a_month()
    {
        await Work();
        await Remove("/big");
        await ForgetThePast();
        await Reopen();
        using var upkeep = new StoreUpkeep(Store);
        Assert.Null((await upkeep.StatAsync(Ct)).LastGcAt);
        Assert.True((await upkeep.CollectIfDueAsync(0, Ct))?.ContentsRemoved > 0);
        Assert.NotNull((await upkeep.StatAsync(Ct)).LastGcAt);
        Assert.Null(await upkeep.CollectIfDueAsync(0, Ct));
        Assert.True((await upkeep.ScrubIfDueAsync(0, Ct))?.Packs > 0);
        Assert.Null(await upkeep.ScrubIfDueAsync(0, Ct));
        await NoteCollected(TimeProvider.System.GetUtcNow() - TimeSpan.FromHours(25));
        Assert.NotNull(await upkeep.CollectIfDueAsync(0, Ct));
        await NoteCollected(TimeProvider.System.GetUtcNow() + TimeSpan.FromDays(900)); // the clock was wrong then
        Assert.NotNull(await upkeep.CollectIfDueAsync(0, Ct));
        await EverythingReads();
        await IsClean();
    }

    private Task NoteCollected(DateTimeOffset at) => Store.Catalog.WriteAsync(
        db => db.Run(FormattableString.Invariant($"UPDATE meta SET value = {(at - DateTimeOffset.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick} WHERE key = 'gc_at'")), Ct);

    [Fact(Timeout = 2 * TimeoutMs)]
    public async Task An_administrator_has_garbage_collected_and_a_copy_that_fails_is_told_and_leaves_nothing()
    {
        await Work();
        await Put("/waste", Noise(50, 12_000_000));
        await Remove("/waste");
        await ForgetThePast();
        await WithDaemonAsync(async socket =>
        {
            Assert.Contains("would be removed", (await RunAsync(socket, "store", "gc", "--dry-run")).Output, StringComparison.Ordinal);
            Assert.True(PackFileBytes > 12_000_000);

            // No copy can be made where its folder should be: packs are emptied, and wait.
            Directory.Delete(Store.CopiesPath, recursive: true);
            await File.WriteAllTextAsync(Store.CopiesPath, "in the way");
            var hindered = await RunAsync(socket, "store", "gc", "--bytes-per-second", "0");
            Assert.True(hindered.Code == 0, hindered.Error);
            Assert.Contains("doomed packs wait", hindered.Output, StringComparison.Ordinal);
            File.Delete(Store.CopiesPath);
            await EverythingReads();

            var done = await RunAsync(socket, "store", "gc", "--bytes-per-second", "0");
            Assert.True(done.Code == 0, done.Error);
            Assert.Contains("all was done", done.Output, StringComparison.Ordinal);
            Assert.True(PackFileBytes < 16_000_000, $"{PackFileBytes}: {done.Output}");
            Assert.Equal(1, (await RunAsync(socket, "store", "gc", "--bytes-per-second", "-1")).Code);
        });
        await EverythingReads();
        await IsClean();
        await Reopen();
        await EverythingReads();
    }

    private async Task WithDaemonAsync(Func<string, Task> work)
    {
        await using var house = await House.MakeAsync();
        using var upkeep = new StoreUpkeep(Store);
        var daemon = new AdminHouse.Control();
        var socket = At("fluxd.sock");
        var services = new AdminServices(house.Accounts, house.Identity.Sessions, daemon, daemon) { Routes = [new StoreRoutes(upkeep, house.Accounts)] };
        await using var frontend = new AdminFrontend(services, new AdminOptions(socket), NullLoggerFactory.Instance);
        await frontend.StartAsync(Ct);
        await work(socket);
    }

    private static async Task<Outcome> RunAsync(string socket, params string[] args)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["FLUXCTL_SOCKET"] = socket;
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "fluxctl.dll"));
        foreach (var arg in args)
        {
            start.ArgumentList.Add(arg);
        }

        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return new Outcome(process.ExitCode, await output, await error);
    }

    private sealed record Outcome(int Code, string Output, string Error);
}
