using System.Text;
using Fluxd.Core.Chunking;
using Fluxd.Store;
using Fluxd.Store.Disk;
using Fluxd.Store.Packs;
using Fluxd.Store.Packs.Codecs;
using Xunit;

namespace Fluxd.EndToEnd.Store;

/// <summary>docs/fluxd-reader.py on packs that the store wrote: the way out that needs no fluxd.</summary>
public sealed class ReaderTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("fluxd-reader-");
    private readonly LocalDisk _disk;
    private readonly PackStore _packs;
    private readonly List<byte[]> _chunks = [];

    public ReaderTests()
    {
        Directory.CreateDirectory(StorePath);
        _disk = new LocalDisk(StorePath);
        var manifest = StoreManifest.CreateNew();
        manifest.Write(_disk);
        PackStore.CreateFolders(_disk);
        _packs = new PackStore(_disk, manifest.Identity);
    }

    private string StorePath => Path.Combine(_folder.FullName, "store");

    private string Out => Path.Combine(_folder.FullName, "out");

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Every_chunk_is_salvaged_from_packs_alone(bool seal)
    {
        WritePacks(seal);
        var (code, text) = await PythonReader.RunAsync("salvage", StorePath, Out);
        Assert.True(code == 0, text);
        var salvaged = Directory.GetFiles(Path.Combine(Out, "chunks"));
        Assert.Equal(_chunks.Count, salvaged.Length);
        foreach (var chunk in _chunks)
            Assert.Equal(chunk, await File.ReadAllBytesAsync(Path.Combine(Out, "chunks", ChunkHash.Of(chunk).ToString())));
    }

    [Fact]
    public async Task A_sound_store_verifies_and_a_changed_byte_is_named()
    {
        var places = WritePacks(seal: true);
        Assert.Equal(0, (await PythonReader.RunAsync("verify", StorePath)).Code);
        var (pack, offset) = places[7];
        Overwrite(pack, offset);
        var (code, text) = await PythonReader.RunAsync("verify", StorePath);
        Assert.Equal(2, code);
        Assert.Contains($"{pack:x16}: the chunk at {offset}", text, StringComparison.Ordinal);
        Assert.Single(text.Split('\n'), line => line.StartsWith("damaged", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_lost_trailer_is_named_and_hides_nothing_behind_it()
    {
        WritePacks(seal: false);
        var trailers = _packs.Scan(1, 0).ToList();
        Overwrite(1, trailers[1].Offset + 20);
        var (code, text) = await PythonReader.RunAsync("salvage", StorePath, Out);
        Assert.Equal(2, code);
        Assert.Contains($"a trailer between {trailers[0].End} and {trailers[2].PayloadOffset}", text, StringComparison.Ordinal);
        Assert.Equal(_chunks.Count - trailers[1].Chunks.Count, Directory.GetFiles(Path.Combine(Out, "chunks")).Length);
    }

    [Fact]
    public async Task Without_store_json_contents_are_salvaged_and_called_unproven()
    {
        WritePacks(seal: true);
        File.Delete(Path.Combine(StorePath, StoreManifest.FileName));
        var (code, text) = await PythonReader.RunAsync("salvage", StorePath, Out);
        Assert.Equal(2, code);
        Assert.Contains("proves nothing", text, StringComparison.Ordinal);
        Assert.Equal(_chunks.Count, Directory.GetFiles(Path.Combine(Out, "chunks")).Length);
    }

    public void Dispose()
    {
        _packs.Dispose();
        _folder.Delete(recursive: true);
    }

    /// <summary>Two packs of five segments: text (compressed) and noise (raw).</summary>
    private List<(long Pack, long Offset)> WritePacks(bool seal)
    {
        var places = new List<(long, long)>();
        var random = new Random(4);
        for (var pack = 1; pack <= 2; pack++)
        {
            using var writer = _packs.Create(pack);
            for (var segment = 0; segment < 5; segment++)
            {
                var first = _chunks.Count + 1;
                for (var c = 0; c < 3; c++)
                    places.Add((pack, AppendChunk(writer, c == 0 ? Noise(random) : Text(random))));
                writer.FinishSegment(segment + 1, first, []);
            }
            writer.Sync();
            if (seal)
                writer.Seal();
        }
        return places;
    }

    private long AppendChunk(IPackWriter writer, byte[] raw)
    {
        _chunks.Add(raw);
        var stored = new byte[raw.Length];
        var codec = ChunkEncoder.Encode(raw, ChunkClass.Fine, CompressionMode.Auto, stored, out var length);
        stored = codec == ChunkCodec.Raw ? raw : stored[..length];
        return writer.Append(stored, [new ChunkEntry(ChunkHash.Of(raw), raw.Length, length, codec, Crc32C.Of(stored))]);
    }

    private static byte[] Noise(Random random)
    {
        var noise = new byte[random.Next(1, 100_000)];
        random.NextBytes(noise);
        return noise;
    }

    private static byte[] Text(Random random) =>
        Encoding.ASCII.GetBytes(string.Join('\n', Enumerable.Repeat($"line {random.Next()}", random.Next(20, 5000))));

    private void Overwrite(long pack, long offset)
    {
        using var file = _disk.Open(PackLayout.PathOf(pack), DiskMode.Write);
        var old = new byte[1];
        file.Read(old, offset);
        file.Write([(byte)(old[0] ^ 1)], offset);
    }
}
