using System.Diagnostics;
using Fluxd.Core.Chunking;
using Fluxd.Store;
using Fluxd.Store.Disk;
using Fluxd.Store.Packs;
using Fluxd.Store.Packs.Codecs;

namespace Fluxd.Bench;

/// <summary>
/// Cuts, hashes, compresses and writes a folder's files into packs, each chunk once: what the format itself stores, and
/// what that costs. No catalogue, no names: the whole store's figures come from its own API.
/// </summary>
internal static class DedupIngest
{
    private const int Group = 64 << 20;

    internal static async Task RunAsync(string source, string compression, string folder)
    {
        Directory.CreateDirectory(folder);
        var disk = new LocalDisk(folder);
        PackStore.CreateFolders(disk);
        using var packs = new PackStore(disk, StoreManifest.CreateNew().Identity);
        long next = 0;
        using var lane = new PackLane(packs, () => ++next, StoreLimits.PackBytes);
        var run = new Ingest(lane, compression == "off" ? CompressionMode.Off : CompressionMode.Auto);
        foreach (var file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
            await run.AddAsync(file);
        run.Finish();
        using var process = Process.GetCurrentProcess();
        Console.WriteLine($"""
            files {run.Files}
            bytes {run.Bytes}
            chunks {run.Chunks}
            stored {packs.List().Sum(p => p.Length)}
            cpu {process.TotalProcessorTime.TotalSeconds:F2}
            rss-mb {process.PeakWorkingSet64 >> 20}
            """);
    }

    private sealed class Ingest(PackLane lane, CompressionMode mode)
    {
        private readonly HashSet<ChunkHash> _known = [];
        private readonly byte[] _buffer = new byte[2 * ChunkSizes.LargestChunk];
        private readonly byte[] _stored = new byte[ChunkSizes.LargestChunk];
        private readonly byte[] _extent = new byte[ChunkSizes.LargestChunk];
        private readonly List<ChunkEntry> _entries = [];
        private int _extentLength;
        private long _sinceCommit, _group;

        public int Files { get; private set; }

        public long Bytes { get; private set; }

        public int Chunks => _known.Count;

        public async Task AddAsync(string path)
        {
            await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            Files++;
            Bytes += file.Length;
            var held = await file.ReadAtLeastAsync(_buffer, _buffer.Length, throwOnEndOfStream: false);
            var kind = ContentSniffer.Choose(_buffer.AsSpan(0, Math.Min(held, ContentSniffer.HeadBytes)), file.Length);
            var chunker = Chunker.For(kind);
            while (held > 0)
            {
                var at = 0;
                var isLast = held < _buffer.Length;
                while (at < held && (isLast || held - at >= chunker.Sizes.Max))
                {
                    var length = chunker.Cut(_buffer.AsSpan(at, held - at));
                    AddChunk(_buffer.AsSpan(at, length), kind);
                    at += length;
                }
                _buffer.AsSpan(at, held - at).CopyTo(_buffer);
                held -= at;
                held += isLast ? 0 : await file.ReadAtLeastAsync(_buffer.AsMemory(held), _buffer.Length - held, throwOnEndOfStream: false);
            }
        }

        public void Finish() => Commit();

        private void AddChunk(ReadOnlySpan<byte> raw, ChunkClass kind)
        {
            var hash = ChunkHash.Of(raw);
            if (!_known.Add(hash))
                return;
            var codec = ChunkEncoder.Encode(raw, kind, mode, _stored, out var length);
            var stored = codec == ChunkCodec.Raw ? raw : _stored.AsSpan(0, length);
            if (_extentLength + length > _extent.Length)
                Flush();
            stored.CopyTo(_extent.AsSpan(_extentLength));
            _extentLength += length;
            _entries.Add(new ChunkEntry(hash, raw.Length, length, codec, Crc32C.Of(stored)));
        }

        private void Flush()
        {
            if (_extentLength == 0)
                return;
            lane.Append(_extent.AsSpan(0, _extentLength), _entries.ToArray());
            _sinceCommit += _extentLength;
            _extentLength = 0;
            _entries.Clear();
            if (_sinceCommit >= Group)
                Commit();
        }

        private void Commit()
        {
            Flush();
            _sinceCommit = 0;
            _group++;
            foreach (var writer in lane.Touched)
            {
                writer.FinishSegment(_group, 1, []);
                writer.Sync();
            }
            lane.SealFull();
        }
    }
}
