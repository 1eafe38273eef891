using System.Globalization;
using System.Text;
using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Store.Catalog.Sqlite;
using Fluxd.Store.Content;
using Fluxd.Store.Disk;
using Fluxd.Store.Files;
using SQLitePCL;

namespace Fluxd.Store.Upkeep.Copies;

/// <param name="Problems">Files that could not be written as they are, each with the reason, at most <see cref="UpkeepLimits.FindingsMax"/>.</param>
/// <param name="More">Problems that are not listed.</param>
internal sealed record ExportReport(long Files, long Bytes, IReadOnlyList<string> Problems, int More);

/// <summary>
/// Everybody's files as plain ones, for whoever wants to leave or to read them without fluxd: home/USER and
/// shared/FOLDER, as they were at one moment, while clients go on. Without versions, trash and rights.
/// </summary>
internal sealed class StoreExport(string store, string catalogPath, ContentStore contents)
{
    private const int PageRows = 1_000;
    private const int BufferBytes = 1 << 20;
    private const UnixFileMode Owners = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private readonly List<string> _problems = [];
    private readonly byte[] _buffer = new byte[BufferBytes];
    private int _more;
    private long _files;
    private long _bytes;

    /// <param name="progress">Files and bytes that are written.</param>
    public async Task<ExportReport> RunAsync(string target, Action<long, long> progress, CancellationToken ct)
    {
        CopyTarget.RequireOutside(store, target);
        if (Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any())
        {
            throw new FluxException(FluxError.Exists, "That folder holds things already; name an empty one, or one that is not there yet.");
        }

        Directory.CreateDirectory(target, Owners);

        // What the copy below names is held, whoever removes or replaces it meanwhile.
        using var held = contents.Holds.TakeWide();
        using var catalog = CopyOfNow(target);
        foreach (var (node, path) in Tops(catalog, target))
        {
            await WriteTreeAsync(catalog, node, path, progress, ct);
        }

        Libc.SyncAll();
        return new ExportReport(_files, _bytes, _problems, _more);
    }

    /// <summary>The catalogue of one moment. Its file loses its name at once: it holds password hashes, and goes with its handle.</summary>
    private Database CopyOfNow(string target)
    {
        var path = Path.Combine(target, "catalog.db.new");
        CatalogCopies.Write(catalogPath, path);
        var opened = Database.Open(path, raw.SQLITE_OPEN_READONLY);
        _ = opened.Scalar("SELECT count(*) FROM tree");
        File.Delete(path);
        return opened;
    }

    /// <summary>Names are unique among those that exist; who is removed keeps files until a purge, under a name that may be taken again.</summary>
    private static List<(NodeRow Node, string Path)> Tops(Database catalog, string target)
    {
        var tops = new List<(NodeRow, string)>();
        using var rows = catalog.Sql("SELECT " + NodeRow.Columns + """
            , t.kind, t.holder, coalesce(u.name, f.name), u.id IS NOT NULL AND u.state <> 3 OR f.id IS NOT NULL AND f.removed IS NULL
            FROM tree t LEFT JOIN user u ON t.kind = 0 AND u.id = t.holder LEFT JOIN folder f ON t.kind = 1 AND f.id = t.holder
            JOIN node n ON n.id = t.node LEFT JOIN version v ON v.id = n.version LEFT JOIN content c ON c.id = v.content
            """);
        while (rows.Step())
        {
            var (kind, holder, name, isThere) = (rows.Long(17), rows.Long(18), rows.TextOrNull(19), rows.Long(20) != 0);
            var shown = name is null || !FileName.IsValid(Encoding.UTF8.GetBytes(name)) ? holder.ToString(CultureInfo.InvariantCulture) : name;
            tops.Add((NodeRow.From(rows), Path.Combine(
                target, kind == 0 ? "home" : "shared", isThere || name is null ? shown : string.Create(CultureInfo.InvariantCulture, $"{shown} (removed, {holder})"))));
        }

        return tops;
    }

    private async Task WriteTreeAsync(Database catalog, NodeRow top, string topPath, Action<long, long> progress, CancellationToken ct)
    {
        var todo = new Stack<(NodeRow Node, string Path, bool IsFilled)>([(top, topPath, false)]);
        while (todo.TryPop(out var folder))
        {
            if (folder.IsFilled)
            {
                // Last: what is written into a folder changes its time, and its mode may forbid writing.
                File.SetUnixFileMode(folder.Path, (UnixFileMode)(folder.Node.Mode & 0x1FF) | Owners);
                Directory.SetLastWriteTimeUtc(folder.Path, TimeOf(folder.Node));
                continue;
            }

            if (!Try(folder.Path, () => Directory.CreateDirectory(folder.Path, Owners)))
            {
                continue;
            }

            todo.Push(folder with { IsFilled = true });
            for (var page = Page(catalog, folder.Node.Id, []); page.Count > 0; page = Page(catalog, folder.Node.Id, page[^1].Name.Bytes))
            {
                foreach (var child in page)
                {
                    ct.ThrowIfCancellationRequested();
                    var path = Path.Combine(folder.Path, Shown(child.Name.Bytes));
                    if (child.IsFolder)
                    {
                        todo.Push((child, path, false));
                    }
                    else if (child.Kind == NodeKind.Symlink)
                    {
                        _ = Try(path, () => File.CreateSymbolicLink(path, Shown(child.Target)));
                    }
                    else
                    {
                        await WriteFileAsync(child, path, ct);
                        progress(_files, _bytes);
                    }
                }
            }
        }
    }

    private static List<NodeRow> Page(Database catalog, long parent, ReadOnlySpan<byte> after)
    {
        var page = new List<NodeRow>();
        using var rows = catalog.Sql("SELECT " + NodeRow.Columns + " FROM " + NodeRow.Tables + " WHERE n.parent = ?1 AND n.name > ?2 ORDER BY n.name LIMIT ?3")
            .Bind(parent).Bind(after).Bind(PageRows);
        while (rows.Step())
        {
            page.Add(NodeRow.From(rows));
        }

        return page;
    }

    /// <summary>A damaged file is not written: half a file would look like a whole one.</summary>
    private async Task WriteFileAsync(NodeRow node, string path, CancellationToken ct)
    {
        FileStream? file = null;
        if (!Try(path, () => file = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            BufferSize = 0,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        })))
        {
            return;
        }

        await using (file)
        {
            try
            {
                await FillAsync(file!, node, ct);
            }
            catch (FluxException e) when (e.Error == FluxError.Corrupt)
            {
                File.Delete(path);
                Note(path, e.Message);
                return;
            }

            File.SetUnixFileMode(file!.SafeFileHandle, (UnixFileMode)(node.Mode & 0x1FF));
            File.SetLastWriteTimeUtc(file.SafeFileHandle, TimeOf(node));
        }

        _files++;
        _bytes += node.Size;
    }

    private async Task FillAsync(FileStream file, NodeRow node, CancellationToken ct)
    {
        using var cut = new CutChunk();
        for (var at = 0L; at < node.Size;)
        {
            var read = await contents.ReadSomeAsync(node.Content, at, _buffer, cut, ct);
            if (read == 0)
            {
                throw new FluxException(FluxError.Corrupt, string.Create(CultureInfo.InvariantCulture, $"It ends at byte {at} of {node.Size}."));
            }

            await file.WriteAsync(_buffer.AsMemory(0, read), ct);
            at += read;
        }
    }

    /// <summary>False, and a problem noted, where the path itself is what the file system won't take; a full disk ends it all.</summary>
    private bool Try(string path, Action make)
    {
        try
        {
            make();
            return true;
        }
        catch (IOException e) when (e is PathTooLongException || Path.Exists(path))
        {
            Note(path, e.Message);
            return false;
        }
    }

    private void Note(string path, string why)
    {
        if (_problems.Count < UpkeepLimits.FindingsMax)
        {
            _problems.Add($"{path}: {why}");
        }
        else
        {
            _more++;
        }
    }

    private static DateTime TimeOf(NodeRow node) => new FileTime(node.ModifiedAt).ToDateTimeOffset().UtcDateTime;

    /// <summary>Bytes that are no UTF-8, which not every file system takes, are written as %XX.</summary>
    private static string Shown(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder(bytes.Length);
        while (bytes.Length > 0)
        {
            if (Rune.DecodeFromUtf8(bytes, out var rune, out var length) == System.Buffers.OperationStatus.Done)
            {
                text.Append(rune.ToString());
            }
            else
            {
                foreach (var bad in bytes[..length])
                {
                    text.Append(CultureInfo.InvariantCulture, $"%{bad:X2}");
                }
            }

            bytes = bytes[length..];
        }

        return text.ToString();
    }
}
