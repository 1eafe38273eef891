using System.Text;
using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Store.Upkeep.Copies;
using Fluxd.Testing;
using Xunit;

namespace Fluxd.Tests.Store.Upkeep;

public sealed class ExportTests : UpkeepFixture
{
    private static readonly FileName s_noText = FileName.From([(byte)'a', 0xFF, (byte)'b']);

    [Fact(Timeout = TimeoutMs)]
    public async Task An_export_holds_every_byte_of_everybody_as_plain_files()
    {
        await Work();
        await Put("bert:/mine", Noise(50, 70_000));
        var report = await Export("out");

        Assert.Empty(report.Problems);
        Assert.Equal((Written.Count, Written.Values.Sum(bytes => (long)bytes.Length)), (report.Files, report.Bytes));
        foreach (var (path, bytes) in Written)
        {
            Assert.True(IsSame(bytes, await File.ReadAllBytesAsync(At("out/" + PlainOf(path)))), path);
        }

        // Nothing else: no removed file, no older version, no catalogue with its password hashes.
        Assert.Equal(Written.Keys.Select(PlainOf).Order(), Directory.EnumerateFiles(At("out"), "*", SearchOption.AllDirectories).Select(file => file[(At("out").Length + 1)..]).Order());
        await IsClean();
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Names_times_modes_and_links_are_kept()
    {
        var time = new DateTime(2001, 2, 3, 4, 5, 6, DateTimeKind.Utc);
        var attributes = new AttributeChange { Mode = 0x120, ModifiedAt = FileTime.From(time) };
        await Put("/däta", [1, 2, 3]);
        await Trees.Files.SetAttributesAsync(People.Anna, FilePath.Parse("/däta"), attributes, followLink: true, Ct);
        await Trees.Files.MakeFolderAsync(People.Anna, FilePath.Parse("/deep/er"), null, parents: true, Ct);
        await Put("/deep/er/file", [4]);
        await Trees.Files.SetAttributesAsync(People.Anna, FilePath.Parse("/deep"), attributes, followLink: true, Ct);
        await Trees.Files.MakeSymlinkAsync(People.Anna, FilePath.Parse("/link"), "deep/er"u8.ToArray(), Ct);
        await Trees.Files.MakeFolderAsync(People.Anna, FilePath.Root.Append(s_noText), null, parents: false, Ct);
        Assert.Empty((await Export("out")).Problems);

        var home = At("out/home/101");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.GroupRead, File.GetUnixFileMode(home + "/däta"));
        Assert.Equal(time, File.GetLastWriteTimeUtc(home + "/däta"));
        Assert.Equal(time, Directory.GetLastWriteTimeUtc(home + "/deep"));
        Assert.Equal("deep/er", new FileInfo(home + "/link").LinkTarget);
        Assert.True(Directory.Exists(home + "/a%FFb"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_damaged_file_is_named_and_left_out_and_the_others_are_written()
    {
        await Work();
        await Flip("/big");
        var report = await Export("out");
        Assert.Contains("/101/big", Assert.Single(report.Problems), StringComparison.Ordinal);
        Assert.False(File.Exists(At("out/home/101/big")));
        Assert.Equal(Written.Count - 1, report.Files);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task What_goes_while_it_runs_is_exported_as_it_was_when_it_began()
    {
        await Work();
        var before = new Dictionary<string, byte[]>(Written);
        var began = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var goOn = new ManualResetEventSlim();
        var export = Task.Run(() => new StoreExport(Store.StorePath, Store.CatalogFile, Store.Contents).RunAsync(
            At("out"),
            (_, _) =>
            {
                began.TrySetResult();
                goOn.Wait(TimeoutMs);
            },
            Ct));
        await began.Task;
        foreach (var path in before.Keys)
        {
            await Remove(path);
        }

        await ForgetThePast();
        var collection = Gc();
        goOn.Set();
        Assert.Empty((await export).Problems);
        await collection;
        foreach (var (path, bytes) in before)
        {
            Assert.True(IsSame(bytes, await File.ReadAllBytesAsync(At("out/" + PlainOf(path)))), path);
        }

        Assert.True((await Gc()).BytesLive < 1_000_000);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task An_export_goes_neither_into_the_store_nor_over_other_things()
    {
        await Work();
        Assert.Equal(FluxError.Invalid, (await Assert.ThrowsAsync<FluxException>(() => Export("store/out"))).Error);
        Directory.CreateDirectory(At("other"));
        await File.WriteAllTextAsync(At("other/letter"), "dear", Encoding.UTF8);
        Assert.Equal(FluxError.Exists, (await Assert.ThrowsAsync<FluxException>(() => Export("other"))).Error);
        Assert.Single(Directory.EnumerateFileSystemEntries(At("other")));
    }

    private static bool IsSame(byte[] one, byte[] other) => one.AsSpan().SequenceEqual(other);

    private static string PlainOf(string path) => path.StartsWith("bert:", StringComparison.Ordinal) ? "home/102" + path[5..] : "home/101" + path;

    private Task<ExportReport> Export(string to) => new StoreExport(Store.StorePath, Store.CatalogFile, Store.Contents).RunAsync(At(to), (_, _) => { }, Ct);
}
