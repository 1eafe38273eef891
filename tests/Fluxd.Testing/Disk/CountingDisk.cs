using Fluxd.Core;
using Fluxd.Store.Disk;

namespace Fluxd.Testing.Disk;

/// <summary>Counts what is written, read and synced.</summary>
internal sealed class CountingDisk(IDisk inner) : IDisk
{
    private long _bytes;
    private long _read;
    private int _syncs;

    public long Bytes => Interlocked.Read(ref _bytes);

    public long BytesRead => Interlocked.Read(ref _read);

    public int Syncs => Volatile.Read(ref _syncs);

    public IDiskFile Open(string path, DiskMode mode) => new File(this, inner.Open(path, mode));

    public IDiskFile Lock(string path) => inner.Lock(path);

    public void CreateDirectory(string path) => inner.CreateDirectory(path);

    public void SyncDirectory(string path)
    {
        Interlocked.Increment(ref _syncs);
        inner.SyncDirectory(path);
    }

    public void Rename(string from, string to) => inner.Rename(from, to);

    public void Remove(string path) => inner.Remove(path);

    public bool Exists(string path) => inner.Exists(path);

    public IReadOnlyList<DiskEntry> List(string path) => inner.List(path);

    public DiskSpace Space() => inner.Space();

    public string? UntrustedFileSystem() => inner.UntrustedFileSystem();

    private sealed class File(CountingDisk disk, IDiskFile file) : IDiskFile
    {
        public string Path => file.Path;

        public long Length => file.Length;

        public int Read(Span<byte> buffer, long offset)
        {
            var got = file.Read(buffer, offset);
            Interlocked.Add(ref disk._read, got);
            return got;
        }

        public void Write(ReadOnlySpan<byte> data, long offset)
        {
            Interlocked.Add(ref disk._bytes, data.Length);
            file.Write(data, offset);
        }

        public void Write(IReadOnlyList<ReadOnlyMemory<byte>> pieces, long offset)
        {
            Interlocked.Add(ref disk._bytes, pieces.Sum(piece => (long)piece.Length));
            file.Write(pieces, offset);
        }

        public void Sync()
        {
            Interlocked.Increment(ref disk._syncs);
            file.Sync();
        }

        public void SetLength(long length) => file.SetLength(length);

        public void Allocate(long length) => file.Allocate(length);

        public void Advise(long offset, long length, DiskAdvice advice) => file.Advise(offset, length, advice);

        public void Dispose() => file.Dispose();
    }
}
