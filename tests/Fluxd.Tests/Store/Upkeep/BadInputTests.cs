using System.Security.Cryptography;
using Fluxd.Core;
using Fluxd.Store;
using Fluxd.Store.Packs;
using Fluxd.Store.Upkeep.Check;
using Xunit;

namespace Fluxd.Tests.Store.Upkeep;

/// <summary>
/// A damaged store.json, catalogue, pack or record: named, never half-read, nothing repaired by removing. Where the
/// catalogue can be trusted, the store opens for reading only.
/// </summary>
public sealed class BadInputTests : UpkeepFixture
{
    [Theory(Timeout = TimeoutMs)]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("not json")]
    [InlineData("{\"format\": 1, \"uuid\": \"nonsense\"}")]
    [InlineData("[]")]
    [InlineData("null")]
    public async Task A_damaged_store_json_is_named_and_nothing_is_opened(string text)
    {
        await Work();
        await Store.DisposeAsync();
        var manifest = Path.Combine(Home, "store.json");
        var good = await File.ReadAllTextAsync(manifest);
        await File.WriteAllTextAsync(manifest, text);
        var before = Fingerprint();
        var refused = Assert.Throws<FluxException>(() => FluxdStore.Open(new StoreOptions { Path = Home }));
        Assert.Equal(FluxError.Corrupt, refused.Error);
        Assert.Contains("store.json", refused.Message, StringComparison.Ordinal);
        Assert.Equal(before, Fingerprint());

        await File.WriteAllTextAsync(manifest, good);
        await OpenAsync(Home);
        await EverythingReads();
    }

    [Theory(Timeout = TimeoutMs)]
    [InlineData("nothing")]
    [InlineData("noise")]
    [InlineData("half")]
    [InlineData("header")]
    public async Task A_damaged_catalogue_is_named_and_left_as_it_is_and_a_rebuild_brings_all_back(string what)
    {
        await Work();
        await Copies.MakeAsync(Ct);
        await Put("/later", Noise(90, 300_000));
        await Store.DisposeAsync();
        var catalog = Path.Combine(Home, "catalog.db");
        var bytes = await File.ReadAllBytesAsync(catalog);
        await File.WriteAllBytesAsync(catalog, what switch
        {
            "nothing" => [],
            "noise" => Noise(1, bytes.Length),
            "half" => bytes[..(bytes.Length / 2 / 4096 * 4096)],
            _ => [.. Noise(2, 100), .. bytes[100..]],
        });
        var before = Fingerprint();
        var refused = Assert.Throws<FluxException>(() => FluxdStore.Open(new StoreOptions { Path = Home }));
        Assert.Equal(FluxError.Corrupt, refused.Error);
        Assert.Contains(catalog, refused.Message, StringComparison.Ordinal);
        Assert.Contains("store rebuild", refused.Message, StringComparison.Ordinal);
        Assert.Equal(before, Fingerprint());

        FluxdStore.Rebuild(new StoreOptions { Path = Home });
        await OpenAsync(Home);
        Assert.Null(Store.Fault);
        await EverythingReads();
        await IsClean();
    }

    [Theory(Timeout = TimeoutMs)]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_pack_that_is_missing_or_short_is_named_and_the_rest_is_served_read_only(bool isMissing)
    {
        await Put("/a", Noise(1, 300_000));
        await Reopen();
        await Put("/b", Noise(2, 300_000));
        await Reopen();
        var pack = Store.Packs.List()[0].Pack;
        await Store.DisposeAsync();
        var path = Path.Combine(Home, PackLayout.PathOf(pack));
        var bytes = await File.ReadAllBytesAsync(path);
        if (isMissing)
        {
            File.Delete(path);
        }
        else
        {
            await File.WriteAllBytesAsync(path, bytes[..100_000]);
        }

        var before = Fingerprint("catalog.db");
        await OpenAsync(Home);
        Assert.Equal(FluxError.Corrupt, Assert.IsType<FluxException>(Store.Fault).Error);
        Assert.Contains($"{pack:x16}", Store.Fault.Message, StringComparison.Ordinal);
        Assert.Equal(Written["/b"], await Get("/b"));
        await Assert.ThrowsAsync<FluxException>(() => Get("/a"));
        await Assert.ThrowsAsync<FluxException>(() => Store.Catalog.WriteAsync(db => db.Run("DELETE FROM trash"), Ct));
        await Store.DisposeAsync();
        Assert.Equal(before, Fingerprint("catalog.db"));

        await File.WriteAllBytesAsync(path, bytes);
        await OpenAsync(Home);
        Assert.Null(Store.Fault);
        await EverythingReads();
        await IsClean();
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_damaged_record_of_commits_is_named_by_fsck_and_hits_no_file()
    {
        await Put("/a", Noise(1, 300_000));
        await Put("/b", Noise(2, 300_000));
        await Put("/c", Noise(3, 300_000));
        await Put("/d", Noise(4, 300_000));
        await Put("/e", Noise(5, 300_000));
        await Reopen();
        var pack = Store.Packs.List().MaxBy(file => file.Length).Pack;
        var trailers = Store.Packs.Scan(pack, 0).ToList();
        Assert.True(trailers.Count > 4);
        foreach (var trailer in new[] { trailers[1], trailers[^1] })
        {
            await using (var file = new FileStream(Path.Combine(Home, PackLayout.PathOf(pack)), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
            {
                file.Position = trailer.Offset + 70;
                var old = file.ReadByte();
                file.Position = trailer.Offset + 70;
                file.WriteByte((byte)(old ^ 1));
            }

            await Reopen();
            var finding = (await Check(readData: true)).Findings[^1];
            Assert.Equal(FindingKind.RecordDamaged, finding.Kind);
            Assert.Contains($"{pack:x16}", finding.What, StringComparison.Ordinal);
            Assert.True(finding.IsDamage);
            await EverythingReads();
        }

        Assert.Equal(2, (await Check(readData: true)).Findings.Count);
    }

    /// <summary>Every file of the store but the lock, and what the process that has it open keeps beside.</summary>
    private string Fingerprint(string? but = null) => string.Join('\n', Directory.EnumerateFiles(Home, "*", SearchOption.AllDirectories)
        .Where(file => Path.GetFileName(file) is not ("LOCK" or "ballast" or "catalog.db-wal" or "catalog.db-shm") && (but is null || !Path.GetFileName(file).StartsWith(but, StringComparison.Ordinal)))
        .Order(StringComparer.Ordinal)
        .Select(file => $"{file} {Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file)))}"));
}
