using System.Collections.Concurrent;
using System.Security.Cryptography;
using Fluxd.Store.Catalog;
using Fluxd.Store.Files;

namespace Fluxd.Testing.Store;

/// <summary>Contents as byte arrays beside a real catalogue: for tests of the trees that need no packs.</summary>
internal sealed class MemoryContents(SqliteCatalog catalog) : IContents
{
    private readonly ConcurrentDictionary<long, byte[]> _bytes = new();

    /// <summary>Bytes that went through a sink's write, as opposed to being shared from other content.</summary>
    public long BytesMoved { get; private set; }

    public IContentSink Begin() => new Sink(this, 0, new MemoryStream());

    public ValueTask<IContentSink> ResumeAsync(long content, CancellationToken ct)
    {
        var held = new MemoryStream();
        held.Write(_bytes[content]);
        return new ValueTask<IContentSink>(new Sink(this, content, held));
    }

    public ValueTask<int> ReadAsync(long content, long offset, Memory<byte> buffer, CancellationToken ct)
    {
        var bytes = _bytes[content];
        var count = (int)Math.Max(0, Math.Min(buffer.Length, bytes.Length - offset));
        bytes.AsSpan((int)Math.Min(offset, bytes.Length), count).CopyTo(buffer.Span);
        return new ValueTask<int>(count);
    }

    private sealed class Sink(MemoryContents contents, long id, MemoryStream held) : IContentSink
    {
        private bool _sealed;

        public long Length => held.Length;

        public ValueTask WriteAsync(ReadOnlyMemory<byte> data, CancellationToken ct)
        {
            ObjectDisposedException.ThrowIf(_sealed, this);
            contents.BytesMoved += data.Length;
            held.Write(data.Span);
            return ValueTask.CompletedTask;
        }

        public ValueTask AppendAsync(long content, long offset, long count, CancellationToken ct)
        {
            held.Write(contents._bytes[content].AsSpan((int)offset, (int)count));
            return ValueTask.CompletedTask;
        }

        public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct)
        {
            var bytes = held.GetBuffer().AsSpan(0, (int)held.Length);
            var count = (int)Math.Max(0, Math.Min(buffer.Length, bytes.Length - offset));
            bytes.Slice((int)Math.Min(offset, bytes.Length), count).CopyTo(buffer.Span);
            return new ValueTask<int>(count);
        }

        public Task<T> FlushAsync<T>(Func<CatalogTransaction, long, long, T> also, CancellationToken ct)
        {
            var bytes = held.ToArray();
            return contents.WriteAsync(
                db =>
                {
                    id = id == 0 ? Insert(db, bytes, complete: false) : id;
                    contents._bytes[id] = bytes;
                    return also(db, id, bytes.Length);
                },
                ct);
        }

        public async Task<T> SealAsync<T>(Func<CatalogTransaction, ContentRef, T> publish, CancellationToken ct)
        {
            var bytes = held.ToArray();
            var result = await contents.WriteAsync(
                db =>
                {
                    var content = Insert(db, bytes, complete: true);
                    contents._bytes[content] = bytes;
                    return publish(db, new ContentRef(content, bytes.Length, SHA256.HashData(bytes)));
                },
                ct);
            _sealed = true;
            return result;
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    private Task<T> WriteAsync<T>(Func<CatalogTransaction, T> work, CancellationToken ct) => catalog.WriteAsync(work, ct);

    private static long Insert(CatalogTransaction db, byte[] bytes, bool complete)
    {
        var id = db.NextId("content");
        using var insert = db.Sql("INSERT INTO content(id, size, class, root, complete) VALUES (?1, ?2, 0, ?3, ?4)")
            .Bind(id).Bind(bytes.Length).Bind(SHA256.HashData(bytes)).Bind(complete);
        insert.Run();
        return id;
    }
}
