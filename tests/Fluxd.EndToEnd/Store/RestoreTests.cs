using System.Text;
using Fluxd.Core.Chunking;
using Fluxd.Store;
using Fluxd.Store.Catalog;
using Fluxd.Store.Disk;
using Fluxd.Store.Packs;
using Xunit;

namespace Fluxd.EndToEnd.Store;

/// <summary>Every file comes back without fluxd: by a copy of the catalogue, by an old copy and the log, by the packs alone.</summary>
public sealed class RestoreTests : IAsyncLifetime
{
    private const int TimeoutMs = 180_000;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("fluxd-restore-");
    private readonly Dictionary<string, byte[]> _expected = [];
    private SqliteCatalog _catalog = null!;
    private PackStore _packs = null!;

    private string StorePath => Path.Combine(_folder.FullName, "store");

    private string CatalogPath => Path.Combine(StorePath, "catalog.db");

    private string Out => Path.Combine(_folder.FullName, "out");

    public async Task InitializeAsync()
    {
        Directory.CreateDirectory(StorePath);
        var disk = new LocalDisk(StorePath);
        var manifest = StoreManifest.CreateNew();
        manifest.Write(disk);
        PackStore.CreateFolders(disk);
        _packs = new PackStore(disk, manifest.Identity);
        _catalog = SqliteCatalog.Open(new CatalogOptions(CatalogPath, TimeProvider.System) { Create = true, Packs = _packs, PackBytes = 1 << 20 });
        await _catalog.WriteAsync(
            t =>
            {
                t.Run("INSERT INTO user(id, name, state, created) VALUES (1, 'anna', 1, 0)");
                t.Run("INSERT INTO tree(kind, holder, node) VALUES (0, 1, 1)");
                AddNode(t, 1, 0, "1", kind: 2);
                AddNode(t, 2, 1, "folder", kind: 2);
                AddNode(t, 3, 2, "link", kind: 3, target: "../elsewhere");
            },
            default);
    }

    public async Task DisposeAsync()
    {
        await _catalog.DisposeAsync();
        _packs.Dispose();
        _folder.Delete(recursive: true);
    }

    [Theory(Timeout = TimeoutMs)]
    [InlineData("catalogue")]
    [InlineData("old catalogue and log")]
    [InlineData("packs alone")]
    public async Task Every_file_is_restored(string by)
    {
        var copy = Path.Combine(_folder.FullName, "copy.db");
        for (var i = 0; i < 6; i++)
            await PutAsync(10 + i, $"file {i}", chunks: i);
        if (by == "old catalogue and log")
            CopyCatalog(copy);
        for (var i = 6; i < 12; i++)
            await PutAsync(10 + i, $"file {i}", chunks: i);
        await ReplaceAsync(12, "file 2");
        await _catalog.WriteAsync(t => t.Run("UPDATE node SET name = x'6E6577206E616D65' WHERE id = 13"), default);
        _expected.Add("new name", _expected["file 3"]);
        _expected.Remove("file 3");
        if (by == "catalogue")
            CopyCatalog(copy);

        var (code, text) = by == "packs alone"
            ? await PythonReader.RunAsync("salvage", StorePath, Out)
            : await PythonReader.RunAsync("restore", StorePath, copy, Out);

        Assert.True(code == 0, text);
        var home = Path.Combine(Out, "home", "anna", "folder");
        Assert.Equal("../elsewhere", new FileInfo(Path.Combine(home, "link")).LinkTarget);
        var found = Directory.GetFiles(home).Select(Path.GetFileName).Where(name => name != "link").Order(StringComparer.Ordinal);
        Assert.Equal(_expected.Keys.Order(StringComparer.Ordinal), found);
        foreach (var (name, bytes) in _expected)
            Assert.Equal(bytes, await File.ReadAllBytesAsync(Path.Combine(home, name)));
        Assert.Equal(DateTimeOffset.FromUnixTimeSeconds(1_700_000_000), File.GetLastWriteTimeUtc(Path.Combine(home, "file 1")));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_damaged_file_is_named_and_can_t_be_taken_for_a_whole_one()
    {
        await PutAsync(10, "good", chunks: 3);
        await PutAsync(11, "bad", chunks: 3);
        var trailer = _packs.Scan(1, 0).Last(t => t.Chunks.Count > 0);
        using (var file = new LocalDisk(StorePath).Open(PackLayout.PathOf(1), DiskMode.Write))
            file.Write("damaged"u8, trailer.PayloadOffset);
        var copy = Path.Combine(_folder.FullName, "copy.db");
        CopyCatalog(copy);

        var (code, text) = await PythonReader.RunAsync("restore", StorePath, copy, Out);

        Assert.Equal(2, code);
        Assert.Contains("folder/bad", text, StringComparison.Ordinal);
        var home = Path.Combine(Out, "home", "anna", "folder");
        Assert.Equal(_expected["good"], await File.ReadAllBytesAsync(Path.Combine(home, "good")));
        Assert.False(File.Exists(Path.Combine(home, "bad")));
        Assert.Equal(_expected["bad"].Length, new FileInfo(Path.Combine(home, "bad.damaged")).Length);
    }

    private void CopyCatalog(string to)
    {
        File.Copy(CatalogPath, to);
        if (File.Exists(CatalogPath + "-wal"))
            File.Copy(CatalogPath + "-wal", to + "-wal");
    }

    /// <summary>Writes a file's rows as the store does; chunks in two runs with a foreign chunk between them.</summary>
    private async Task PutAsync(int node, string name, int chunks)
    {
        await _catalog.WriteAsync(t => AddNode(t, node, 2, name, kind: 1, version: PutContent(t, node, name, chunks)), default);
    }

    private async Task ReplaceAsync(int node, string name)
    {
        await _catalog.WriteAsync(
            t =>
            {
                var version = PutContent(t, node, name, chunks: 2);
                t.Run($"UPDATE node SET version = {version} WHERE id = {node}");
            },
            default);
    }

    private long PutContent(CatalogTransaction t, int node, string name, int chunks)
    {
        var version = t.NextId("version");
        var content = t.NextId("content");
        byte[] whole = chunks == 0 ? Encoding.UTF8.GetBytes($"inline {version}") : [];
        var runs = new List<(long First, int Count)>();
        for (var i = 0; i < chunks; i++)
        {
            var raw = Chunk((int)version * 100 + i);
            whole = [.. whole, .. raw];
            if (i == 1)
                Append(t, Chunk(-(int)version)); // somebody else's
            var id = Append(t, raw);
            if (runs.Count > 0 && runs[^1].First + runs[^1].Count == id)
                runs[^1] = (runs[^1].First, runs[^1].Count + 1);
            else
                runs.Add((id, 1));
        }
        _expected[name] = whole;
        var isParted = chunks > 2;
        InsertContent(t, content, whole, chunks == 0 ? null : isParted ? null : Recipe(runs), chunks == 0 ? whole : null);
        for (var i = 0; isParted && i < runs.Count; i++)
            InsertPart(t, content, i * 1000, Recipe([runs[i]]));
        t.Run($"INSERT INTO version(id, node, content, size, mtime, created, author) VALUES ({version}, {node}, {content}, {whole.Length}, 0, 0, 1)");
        return version;
    }

    /// <summary>As docs/store-format.md has it.</summary>
    private static byte[] Recipe(IReadOnlyList<(long First, int Count)> runs)
    {
        var bytes = new List<byte>();
        long end = 0;
        foreach (var (first, count) in runs)
        {
            var distance = first - end;
            Varint(bytes, distance < 0 ? -2 * distance - 1 : 2 * distance);
            Varint(bytes, count);
            end = first + count;
        }
        return [.. bytes];
    }

    private static void Varint(List<byte> to, long value)
    {
        for (; value > 127; value /= 128)
            to.Add((byte)(value % 128 + 128));
        to.Add((byte)value);
    }

    private static byte[] Chunk(int seed)
    {
        var chunk = new byte[20_000 + (Math.Abs(seed) % 5000)];
        new Random(seed).NextBytes(chunk);
        return chunk;
    }

    private static long Append(CatalogTransaction t, byte[] raw) => t.AppendChunks(
        0, raw, [new ChunkEntry(ChunkHash.Of(raw), raw.Length, raw.Length, ChunkCodec.Raw, Crc32C.Of(raw))]);

    private static void InsertContent(CatalogTransaction t, long id, byte[] whole, byte[]? recipe, byte[]? inline)
    {
        using var insert = t.Sql("INSERT INTO content(id, size, class, root, complete, recipe, inline) VALUES (?1, ?2, 1, x'00', 1, ?3, ?4)")
            .Bind(id).Bind(whole.Length).Bind(recipe).Bind(inline);
        insert.Run();
    }

    private static void InsertPart(CatalogTransaction t, long content, long start, byte[] runs)
    {
        using var insert = t.Sql("INSERT INTO content_part(content, start, runs) VALUES (?1, ?2, ?3)").Bind(content).Bind(start).Bind(runs);
        insert.Run();
    }

    private static void AddNode(CatalogTransaction t, long id, long parent, string name, int kind, long version = 0, string? target = null)
    {
        using var insert = t.Sql("""
            INSERT INTO node(id, parent, name, kind, owner, version, revision, target, mode, mtime, atime, ctime, created, since)
            VALUES (?1, ?2, ?3, ?4, 1, ?5, 1, ?6, 420, 1700000000000000000, 0, 0, 0, 0)
            """).Bind(id).Bind(parent).Bind(Encoding.UTF8.GetBytes(name)).Bind(kind).Bind(version).Bind(target is null ? null : Encoding.UTF8.GetBytes(target));
        insert.Run();
    }
}
