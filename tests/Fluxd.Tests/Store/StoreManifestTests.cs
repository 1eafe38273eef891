using System.Text;
using Fluxd.Core;
using Fluxd.Store;
using Fluxd.Store.Disk;
using Fluxd.Testing.Disk;
using Xunit;

namespace Fluxd.Tests.Store;

public sealed class StoreManifestTests
{
    private readonly ModelDisk _disk = new();

    [Fact]
    public void What_is_written_is_read_back_and_no_two_stores_are_alike()
    {
        Assert.Null(StoreManifest.Read(_disk));
        var manifest = StoreManifest.CreateNew() with { Generation = 7, Compatible = ["something-harmless"] };
        manifest.Write(_disk);
        Assert.Equivalent(manifest, StoreManifest.Read(_disk), strict: true);
        Assert.NotEqual(manifest.Uuid, StoreManifest.CreateNew().Uuid);
        Assert.NotEqual(manifest.Key, StoreManifest.CreateNew().Key);
    }

    [Fact]
    public void A_replacement_survives_whole_or_the_old_one_does()
    {
        for (var seed = 0; seed < 200; seed++)
        {
            var disk = new ModelDisk();
            var first = StoreManifest.CreateNew();
            first.Write(disk);
            var faulty = new FaultyDisk(disk);
            var random = new Random(seed);
            faulty.FailAt(random.Next(1, 7), Fault.Dead);
            var isDone = false;
            try
            {
                (first with { Generation = 2 }).Write(faulty);
                isDone = true;
            }
            catch (PowerCutException)
            {
                // the machine is off
            }
            var found = StoreManifest.Read(disk.AfterPowerCut(random));
            Assert.Equal(first.Key, found!.Key);
            Assert.InRange(found.Generation, isDone ? 2 : 1, 2);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("[1]")]
    public void Damage_is_named_and_nothing_is_changed(string text)
    {
        Put(text);
        var error = Assert.Throws<FluxException>(() => StoreManifest.Read(_disk));
        Assert.Equal(FluxError.Corrupt, error.Error);
        Assert.Contains("store.json", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"format\": 1", "\"format\": 2", FluxError.Unavailable, "format 2")]
    [InlineData("two-level-1", "two-level-9", FluxError.Unavailable, "two-level-9")]
    [InlineData("666c757864434443", "666c757864434444", FluxError.Unavailable, "666c757864434444")]
    [InlineData("\"zstd\"", "\"zstd\", \"holographic\"", FluxError.Unavailable, "holographic")]
    [InlineData("\"key\": \"", "\"key\": \"zz", FluxError.Corrupt, "key")]
    [InlineData("\"generation\": 1", "\"generation\": 0", FluxError.Corrupt, "generation")]
    public void A_store_that_this_version_can_t_open_is_refused_in_plain_words(string from, string to, FluxError expected, string named)
    {
        StoreManifest.CreateNew().Write(_disk);
        var text = Text();
        Assert.Contains(from, text, StringComparison.Ordinal);
        Put(text.Replace(from, to, StringComparison.Ordinal));
        var error = Assert.Throws<FluxException>(() => StoreManifest.Read(_disk));
        Assert.Equal(expected, error.Error);
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Unknown_features_forbid_writing_or_nothing_by_their_kind()
    {
        StoreManifest.CreateNew().Write(_disk);
        var text = Text();
        Put(text.Replace("\"compatible\": []", "\"compatible\": [\"new\"]", StringComparison.Ordinal));
        Assert.Null(StoreManifest.Read(_disk)!.ReadOnlyBecauseOf);
        Put(text.Replace("\"read-only-compatible\": []", "\"read-only-compatible\": [\"new\"]", StringComparison.Ordinal));
        Assert.Equal("new", StoreManifest.Read(_disk)!.ReadOnlyBecauseOf);
    }

    private string Text()
    {
        using var file = _disk.Open(StoreManifest.FileName, DiskMode.Read);
        var bytes = new byte[file.Length];
        file.Read(bytes, 0);
        return Encoding.UTF8.GetString(bytes);
    }

    private void Put(string text)
    {
        using var file = _disk.Open(StoreManifest.FileName, DiskMode.Truncate);
        file.Write(Encoding.UTF8.GetBytes(text), 0);
    }
}
