using Fluxd.Store.Disk;
using Fluxd.Testing.Disk;
using Xunit;
using Xunit.Abstractions;

namespace Fluxd.Tests.Store.Disk;

/// <summary>The model disk's own promises: it must lose all that a real disk may lose, and nothing else.</summary>
public sealed class PowerCutTests(ITestOutputHelper output)
{
    private const int Cuts = 400;

    [Fact]
    public void Synced_bytes_and_names_always_survive()
    {
        foreach (var random in Seeds())
        {
            var disk = new ModelDisk();
            using (var file = disk.Open("a", DiskMode.CreateNew))
            {
                disk.SyncDirectory("");
                file.Write(new byte[1000], 0);
                file.Write("kept"u8, 500);
                file.Sync();
                file.Write("lost?"u8, 2000);
            }
            var after = disk.AfterPowerCut(random);
            var content = Content(after, "a");
            Assert.True(content.Length >= 1000);
            Assert.Equal("kept"u8.ToArray(), content[500..504]);
        }
    }

    [Fact]
    public void Everything_unsynced_is_lost_at_times_kept_at_times_and_torn_at_times()
    {
        var seen = new HashSet<string>();
        foreach (var random in Seeds())
        {
            var disk = new ModelDisk();
            using var file = disk.Open("a", DiskMode.CreateNew);
            disk.SyncDirectory("");
            file.Write([.. Enumerable.Repeat((byte)1, 600)], 0);
            file.Write([.. Enumerable.Repeat((byte)2, 600)], 600);
            var content = Content(disk.AfterPowerCut(random), "a");
            seen.Add(content.Length switch
            {
                0 => "nothing",
                1200 when content[..600].All(b => b == 1) && content[600..].All(b => b == 2) => "all",
                1200 when content[..600].All(b => b == 0) && content[600..].All(b => b == 2) => "the later write only",
                600 when content.All(b => b == 1) => "the earlier write only",
                1200 when content.All(b => b == 0) => "the length only",
                _ => "torn",
            });
        }
        Assert.Equal(["all", "nothing", "the earlier write only", "the later write only", "the length only", "torn"], seen.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_name_needs_its_folder_synced()
    {
        var found = Seeds().Select(random =>
        {
            var disk = new ModelDisk();
            using (var file = disk.Open("a", DiskMode.CreateNew))
                file.Sync();
            return disk.AfterPowerCut(random).Exists("a");
        }).Distinct();
        Assert.Equal(2, found.Count());
    }

    [Fact]
    public void A_replaced_file_is_the_old_or_the_new_one()
    {
        var seen = new HashSet<string>();
        foreach (var random in Seeds())
        {
            var disk = new ModelDisk();
            Write(disk, "a", "old");
            disk.SyncDirectory("");
            Write(disk, "a.new", "new");
            disk.Rename("a.new", "a");
            var after = disk.AfterPowerCut(random);
            seen.Add(System.Text.Encoding.UTF8.GetString(Content(after, "a")));
        }
        Assert.Equal(["new", "old"], seen.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_removed_file_may_come_back_until_its_folder_is_synced()
    {
        foreach (var isSynced in new[] { false, true })
        {
            var found = Seeds().Select(random =>
            {
                var disk = new ModelDisk();
                Write(disk, "a", "x");
                disk.SyncDirectory("");
                disk.Remove("a");
                if (isSynced)
                    disk.SyncDirectory("");
                return disk.AfterPowerCut(random).Exists("a");
            }).Distinct();
            Assert.Equal(isSynced ? [false] : [false, true], found.Order());
        }
    }

    [Fact]
    public void A_killed_process_loses_nothing_and_what_it_left_can_still_be_lost()
    {
        var disk = new ModelDisk();
        var file = disk.Open("a", DiskMode.CreateNew);
        file.Write("abc"u8, 0);
        var after = disk.AfterKill();
        Assert.Equal("abc"u8.ToArray(), Content(after, "a"));
        Assert.Throws<PowerCutException>(() => file.Write("d"u8, 3));
        Assert.Contains(Seeds(), random => !after.AfterPowerCut(random).Exists("a"));
    }

    [Fact]
    public void A_full_disk_refuses_and_goes_on()
    {
        var disk = new ModelDisk { Capacity = 100 };
        using var file = disk.Open("a", DiskMode.CreateNew);
        file.Write(new byte[90], 0);
        Assert.Equal(DiskFault.Full, Assert.Throws<DiskException>(() => file.Write(new byte[11], 90)).Fault);
        file.Write(new byte[10], 90);
        Assert.Equal(0, disk.Space().Free);
    }

    private IEnumerable<Random> Seeds()
    {
        var first = Random.Shared.Next();
        output.WriteLine($"seeds from {first}");
        return Enumerable.Range(0, Cuts).Select(i => new Random(unchecked(first + i)));
    }

    private static void Write(ModelDisk disk, string path, string text)
    {
        using var file = disk.Open(path, DiskMode.CreateNew);
        file.Write(System.Text.Encoding.UTF8.GetBytes(text), 0);
        file.Sync();
    }

    private static byte[] Content(IDisk disk, string path)
    {
        using var file = disk.Open(path, DiskMode.Read);
        var content = new byte[file.Length];
        file.Read(content, 0);
        return content;
    }
}
