using Fluxd.Core;
using Fluxd.Store;
using Fluxd.Store.Disk;
using Fluxd.Testing.Disk;
using Xunit;

namespace Fluxd.Tests.Store;

public sealed class FluxdStoreTests : IDisposable
{
    private const int TimeoutMs = 60_000;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("fluxd-store-");

    private StoreOptions Options => new() { Path = Path.Combine(_folder.FullName, "store"), UuidPath = Path.Combine(_folder.FullName, "uuid") };

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact(Timeout = TimeoutMs)]
    public async Task A_store_is_made_on_purpose_and_keeps_what_it_was_given()
    {
        await FluxdStore.InitAsync(Options);
        long content;
        await using (var store = FluxdStore.Open(Options))
        {
            await using var sink = store.Contents.Begin();
            await sink.WriteAsync(new byte[500_000], CancellationToken.None);
            content = await sink.SealAsync((_, c) => c.Id, CancellationToken.None);
        }

        await using var again = FluxdStore.Open(Options);
        Assert.Null(again.Fault);
        var bytes = new byte[600_000];
        Assert.Equal(500_000, await again.Contents.ReadAsync(content, 0, bytes, CancellationToken.None));
    }

    [Fact]
    public void A_missing_store_stops_the_start_and_makes_nothing()
    {
        var missing = Assert.Throws<FluxException>(() => FluxdStore.Open(Options));
        Assert.Equal(FluxError.NotFound, missing.Error);
        Assert.Contains("mount", missing.Message, StringComparison.Ordinal);
        Directory.CreateDirectory(Options.Path);
        Assert.Equal(FluxError.NotFound, Assert.Throws<FluxException>(() => FluxdStore.Open(Options)).Error);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Options.Path));
    }

    [Fact]
    public void A_network_file_system_is_refused_by_name()
    {
        var disk = new ModelDisk { FileSystem = "nfs" };
        var refused = Assert.Throws<FluxException>(() => FluxdStore.RequireTrusted(disk, Options.Path));
        Assert.Equal(FluxError.Unavailable, refused.Error);
        Assert.Contains("nfs", refused.Message, StringComparison.Ordinal);
        FluxdStore.RequireTrusted(new ModelDisk(), Options.Path);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_store_is_never_made_over_another()
    {
        await FluxdStore.InitAsync(Options);
        Assert.Equal(FluxError.Exists, (await Assert.ThrowsAsync<FluxException>(() => FluxdStore.InitAsync(Options))).Error);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_second_process_is_told_that_the_store_is_in_use()
    {
        await FluxdStore.InitAsync(Options);
        await using var store = FluxdStore.Open(Options);
        Assert.Equal(FluxError.Busy, Assert.Throws<FluxException>(() => FluxdStore.Open(Options)).Error);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Another_store_in_its_place_stops_the_start()
    {
        await FluxdStore.InitAsync(Options);
        Directory.Delete(Options.Path, recursive: true);
        await FluxdStore.InitAsync(Options with { UuidPath = null });
        Assert.Contains("mount the right disk", Assert.Throws<FluxException>(() => FluxdStore.Open(Options)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void New_data_is_refused_before_the_disk_is_full_and_the_ballast_can_be_given_up_once()
    {
        var disk = new ModelDisk { Capacity = 1L << 30 };
        var keepFree = 0L;
        var guard = new SpaceGuard(disk, TimeProvider.System, () => keepFree);
        guard.RequireRoom(1 << 20);
        Assert.False(guard.IsGettingFull);
        keepFree = 2L << 30;
        Assert.Equal(FluxError.NoSpace, Assert.Throws<FluxException>(() => guard.RequireRoom(1)).Error);
        keepFree = 0;
        Assert.Equal(FluxError.NoSpace, Assert.Throws<FluxException>(() => guard.RequireRoom(1L << 30)).Error);

        guard.RestoreBallast();
        Assert.True(disk.Exists("ballast"));
        Assert.True(guard.GiveUpBallast());
        Assert.False(guard.GiveUpBallast());
    }

    [Fact]
    public void A_disk_at_80_percent_warns_and_at_95_refuses()
    {
        var disk = new ModelDisk { Capacity = 1000 << 10 };
        using (var file = disk.Open("x", DiskMode.CreateNew))
        {
            file.Write(new byte[850 << 10], 0);
        }

        var guard = new SpaceGuard(disk, TimeProvider.System, () => 0);
        Assert.True(guard.IsGettingFull);
        guard.RequireRoom(1);
        Assert.Equal(FluxError.NoSpace, Assert.Throws<FluxException>(() => guard.RequireRoom(110 << 10)).Error);
    }
}
