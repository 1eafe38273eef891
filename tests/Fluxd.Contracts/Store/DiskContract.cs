using Fluxd.Store.Disk;
using Xunit;

namespace Fluxd.Contracts.Store;

/// <summary>What every disk must do, real or model.</summary>
public abstract class DiskContract
{
    private protected abstract IDisk Disk { get; }

    [Fact]
    public void What_is_written_is_read_back()
    {
        using var file = Disk.Open("a", DiskMode.CreateNew);
        file.Write("hello"u8, 0);
        file.Write([new byte[] { 1, 2 }, new byte[] { 3 }], 10);
        file.Sync();
        Assert.Equal(13, file.Length);
        Assert.Equal([.. "hello"u8, 0, 0, 0, 0, 0, 1, 2, 3], Content("a"));
        Assert.Equal(3, file.Read(new byte[10], 10));
        Assert.Equal(0, file.Read(new byte[10], 13));
        Assert.Equal(0, file.Read(new byte[10], 500));
    }

    [Fact]
    public void A_new_file_must_be_new_and_an_old_one_there()
    {
        Disk.Open("a", DiskMode.CreateNew).Dispose();
        Assert.Equal(DiskFault.Exists, FaultOf(() => Disk.Open("a", DiskMode.CreateNew)));
        Assert.Equal(DiskFault.Missing, FaultOf(() => Disk.Open("b", DiskMode.Read)));
        Assert.Equal(DiskFault.Missing, FaultOf(() => Disk.Open("b", DiskMode.Write)));
        Assert.Equal(DiskFault.Missing, FaultOf(() => Disk.Open("no/b", DiskMode.CreateNew)));
        Assert.Equal(DiskFault.Missing, FaultOf(() => Disk.Remove("b")));
        Assert.Equal(DiskFault.Missing, FaultOf(() => Disk.Rename("b", "c")));
        Assert.Equal(DiskFault.Missing, FaultOf(() => Disk.List("no")));
        Assert.Equal(DiskFault.Missing, FaultOf(() => Disk.SyncDirectory("no")));
        Assert.False(Disk.Exists("b"));
    }

    [Fact]
    public void A_truncated_file_is_empty_and_a_longer_one_reads_as_zeros()
    {
        Write("a", "some text");
        using var file = Disk.Open("a", DiskMode.Truncate);
        Assert.Equal(0, file.Length);
        file.Write("xyz"u8, 0);
        file.SetLength(1);
        file.SetLength(3);
        Assert.Equal([(byte)'x', 0, 0], Content("a"));
        file.Allocate(8192);
        Assert.Equal(8192, file.Length);
    }

    [Fact]
    public void Renaming_replaces_and_open_files_outlive_their_names()
    {
        Write("a", "old");
        Write("b", "new");
        using var old = Disk.Open("a", DiskMode.Read);
        Disk.Rename("b", "a");
        Disk.SyncDirectory("");
        Assert.Equal("new"u8.ToArray(), Content("a"));
        Assert.False(Disk.Exists("b"));
        Disk.Remove("a");
        var buffer = new byte[3];
        Assert.Equal(3, old.Read(buffer, 0));
        Assert.Equal("old"u8.ToArray(), buffer);
    }

    [Fact]
    public void Folders_list_what_is_in_them()
    {
        Disk.CreateDirectory("packs");
        Disk.CreateDirectory("packs");
        Disk.CreateDirectory("packs/00");
        Write("packs/one", "1234");
        var entries = Disk.List("packs").OrderBy(e => e.Name, StringComparer.Ordinal);
        Assert.Equal([("00", true), ("one", false)], entries.Select(e => (e.Name, e.IsDirectory)));
        Assert.Equal(4, Disk.List("packs").Single(e => !e.IsDirectory).Length);
        Assert.True(Disk.Exists("packs/00"));
        Assert.Empty(Disk.List("packs/00"));
        Assert.Contains("packs", Disk.List("").Select(e => e.Name));
    }

    [Fact]
    public void A_lock_has_one_holder_until_it_is_disposed()
    {
        var first = Disk.Lock("LOCK");
        first.Write("me"u8, 0);
        Assert.Equal(DiskFault.Locked, FaultOf(() => Disk.Lock("LOCK")));
        first.Dispose();
        using var second = Disk.Lock("LOCK");
        Assert.Equal(2, second.Length);
    }

    [Fact]
    public void Space_is_told()
    {
        var space = Disk.Space();
        Assert.InRange(space.Free, 1, space.Total);
        Assert.Null(Disk.UntrustedFileSystem());
    }

    [Fact]
    public void A_file_opened_for_reading_can_t_be_written()
    {
        Write("a", "x");
        using var file = Disk.Open("a", DiskMode.Read);
        file.Advise(0, 1, DiskAdvice.WillNeed);
        Assert.ThrowsAny<Exception>(() => file.Write("y"u8, 0));
        Assert.Equal("x"u8.ToArray(), Content("a"));
    }

    private static DiskFault FaultOf(Action action) => Assert.Throws<DiskException>(action).Fault;

    private void Write(string path, string text)
    {
        using var file = Disk.Open(path, DiskMode.CreateNew);
        file.Write(System.Text.Encoding.UTF8.GetBytes(text), 0);
        file.Sync();
    }

    private byte[] Content(string path)
    {
        using var file = Disk.Open(path, DiskMode.Read);
        var content = new byte[file.Length];
        Assert.Equal(content.Length, file.Read(content, 0));
        return content;
    }
}
