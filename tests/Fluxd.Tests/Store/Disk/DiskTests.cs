using Fluxd.Contracts.Store;
using Fluxd.Store.Disk;
using Fluxd.Testing.Disk;
using Xunit;

namespace Fluxd.Tests.Store.Disk;

public sealed class LocalDiskTests : DiskContract, IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("fluxd-disk-");

    private protected override IDisk Disk => new LocalDisk(_folder.FullName);

    [Fact]
    public void Files_and_folders_are_their_owner_s_alone()
    {
        Disk.CreateDirectory("packs");
        Disk.Open("packs/a", DiskMode.CreateNew).Dispose();
        var path = Path.Combine(_folder.FullName, "packs");
        const UnixFileMode others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;
        Assert.Equal((UnixFileMode)0, File.GetUnixFileMode(path) & others);
        Assert.Equal((UnixFileMode)0, File.GetUnixFileMode(Path.Combine(path, "a")) & others);
    }

    [Theory]
    [InlineData(0x6969u, "nfs")]
    [InlineData(0x65735546u, "fuse")]
    [InlineData(0xFE534D42u, "smb")]
    [InlineData(0xEF53u, null)]
    [InlineData(0x58465342u, null)]
    [InlineData(0x9123683Eu, null)]
    public void Network_and_user_space_file_systems_are_named(uint type, string? name) =>
        Assert.Equal(name, FileSystems.NameOf(type));

    [Fact]
    public void A_full_disk_is_told_from_a_broken_one()
    {
        if (!File.Exists("/dev/full"))
            return;
        var full = new LocalDisk("/dev");
        using var file = full.Open("full", DiskMode.Write);
        Assert.Equal(DiskFault.Full, Assert.Throws<DiskException>(() => file.Write("x"u8, 0)).Fault);
    }

    public void Dispose() => _folder.Delete(recursive: true);
}

public sealed class ModelDiskTests : DiskContract
{
    private readonly ModelDisk _disk = new();

    private protected override IDisk Disk => _disk;
}

public sealed class FaultyDiskTests : DiskContract
{
    private readonly FaultyDisk _disk = new(new ModelDisk());

    private protected override IDisk Disk => _disk;

    [Theory]
    [InlineData(nameof(Fault.Failed))]
    [InlineData(nameof(Fault.Full))]
    public void The_named_operation_fails_and_no_other(string name)
    {
        var fault = Enum.Parse<Fault>(name);
        var expected = Enum.Parse<DiskFault>(name);
        _disk.FailAt(3, fault);
        using var file = _disk.Open("a", DiskMode.CreateNew); // 1
        file.Write("ab"u8, 0); // 2
        Assert.Equal(expected, Assert.Throws<DiskException>(() => file.Write("cd"u8, 2)).Fault);
        Assert.Equal(2, file.Length);
        file.Write("ef"u8, 2);
        Assert.Equal(4, _disk.Changes);
        Assert.True(_disk.HasFailed);
    }

    [Fact]
    public void A_torn_write_does_a_part()
    {
        _disk.FailAt(2, Fault.Torn);
        using var file = _disk.Open("a", DiskMode.CreateNew);
        Assert.Throws<DiskException>(() => file.Write("abcd"u8, 0));
        Assert.Equal(2, file.Length);
    }

    [Fact]
    public void A_failed_sync_can_lose_what_it_was_to_keep()
    {
        _disk.FailAt(3, Fault.LostPages);
        using var file = _disk.Open("a", DiskMode.CreateNew);
        file.Write("abcd"u8, 0);
        Assert.Throws<DiskException>(file.Sync);
        file.Sync();
        Assert.Equal(0, file.Length);
    }

    [Fact]
    public void After_death_nothing_works()
    {
        _disk.FailAt(1, Fault.Dead);
        Assert.Throws<PowerCutException>(() => _disk.Open("a", DiskMode.CreateNew));
        Assert.Throws<PowerCutException>(() => _disk.List(""));
    }
}
