using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using Fluxd.Core.Files;

namespace Fluxd.Transports.Http.Files;

/// <summary>Where archive entries go, one after another.</summary>
internal interface IArchive : IAsyncDisposable
{
    Task FolderAsync(string name, NodeInfo node, CancellationToken ct);

    Task FileAsync(string name, NodeInfo node, Stream content, CancellationToken ct);

    Task LinkAsync(string name, NodeInfo node, ReadOnlyMemory<byte> target, CancellationToken ct);

    /// <summary>Writes the end. Without it the archive is recognisably broken, as it should be after a failure.</summary>
    Task FinishAsync(CancellationToken ct);
}

/// <summary>Stored, not deflated: most large files are compressed already, and the link is rarely the slower part.</summary>
internal sealed class ZipStream : IArchive
{
    // Zip's times begin in 1980 and end in 2107; outside the library throws.
    private static readonly DateTimeOffset First = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset Last = new(2107, 12, 31, 0, 0, 0, TimeSpan.Zero);

    private readonly ZipArchive _zip;
    private readonly LateStream _output;

    private ZipStream(ZipArchive zip, LateStream output) => (_zip, _output) = (zip, output);

    public static async Task<ZipStream> StartAsync(Stream output, CancellationToken ct)
    {
        var late = new LateStream(output);
        return new ZipStream(await ZipArchive.CreateAsync(late, ZipArchiveMode.Create, leaveOpen: true, Encoding.UTF8, ct), late);
    }

    public Task FolderAsync(string name, NodeInfo node, CancellationToken ct)
    {
        Entry(name, node, 0x41ED);
        return Task.CompletedTask;
    }

    public async Task FileAsync(string name, NodeInfo node, Stream content, CancellationToken ct)
    {
        await using var target = await Entry(name, node, 0x8000 | (node.Mode & 0x1FF)).OpenAsync(ct);
        await content.CopyToAsync(target, HttpLimits.ReadBufferBytes, ct);
    }

    public async Task LinkAsync(string name, NodeInfo node, ReadOnlyMemory<byte> target, CancellationToken ct)
    {
        await using var stream = await Entry(name, node, 0xA1FF).OpenAsync(ct);
        await stream.WriteAsync(target, ct);
    }

    private ZipArchiveEntry Entry(string name, NodeInfo node, int mode)
    {
        var entry = _zip.CreateEntry(name, CompressionLevel.NoCompression);
        var time = node.ModifiedAt.ToDateTimeOffset();
        entry.LastWriteTime = time < First ? First : time > Last ? Last : time;
        entry.ExternalAttributes = mode << 16;
        return entry;
    }

    public async Task FinishAsync(CancellationToken ct)
    {
        await _zip.DisposeAsync();
        await _output.FlushAsync(ct);
    }

    /// <summary>Disposing the library's archive writes its end; after a failure there must be none.</summary>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

/// <summary>pax: long names, large sizes and exact times.</summary>
internal sealed class TarStream(Stream output) : IArchive
{
    private readonly TarWriter _tar = new(output, TarEntryFormat.Pax, leaveOpen: true);

    public Task FolderAsync(string name, NodeInfo node, CancellationToken ct) =>
        _tar.WriteEntryAsync(Entry(TarEntryType.Directory, name, node), ct);

    public Task FileAsync(string name, NodeInfo node, Stream content, CancellationToken ct)
    {
        var entry = Entry(TarEntryType.RegularFile, name, node);
        entry.DataStream = content;
        return _tar.WriteEntryAsync(entry, ct);
    }

    public Task LinkAsync(string name, NodeInfo node, ReadOnlyMemory<byte> target, CancellationToken ct)
    {
        var entry = Entry(TarEntryType.SymbolicLink, name, node);
        entry.LinkName = Encoding.UTF8.GetString(target.Span);
        return _tar.WriteEntryAsync(entry, ct);
    }

    private static PaxTarEntry Entry(TarEntryType type, string name, NodeInfo node) => new(type, name)
    {
        Mode = (UnixFileMode)(node.Mode & 0x1FF),
        ModificationTime = node.ModifiedAt.ToDateTimeOffset(),
    };

    public async Task FinishAsync(CancellationToken ct) => await _tar.DisposeAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
