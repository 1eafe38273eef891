using System.Text;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Store.Catalog;

namespace Fluxd.Store.Files;

/// <summary>
/// Finds names by a piece of them, without case, below a folder: a walk in the order of paths that reads nothing but
/// names, a slice at a time, and goes on where the page before ended. There is no index of names: one that finds pieces
/// writes some twenty rows for each file, at random places, and a walk of a million names takes about as long as
/// reading them (figures in docs/files.md).
/// </summary>
internal sealed class NameSearch(Trees trees, Principal who, FilePath folder, string text, int count)
{
    /// <summary>Names read in one snapshot: tens of milliseconds, so that no reader is cut and none keeps the log from being reused.</summary>
    private const int NamesPerSlice = 20_000;

    private readonly List<FoundNode> _found = [];

    public async ValueTask<FoundPage> RunAsync(string? cursor, CancellationToken ct)
    {
        var place = SearchPlace.Parse(cursor);
        do
        {
            var from = place;
            place = await trees.ReadAsync(who, (view, db) => Slice(view, db, from), ct);
        }
        while (place is not null && _found.Count < count);
        return new FoundPage(_found, place?.ToString());
    }

    /// <returns>Where to go on; null at the end.</returns>
    private SearchPlace? Slice(View view, CatalogReader db, SearchPlace? from)
    {
        var left = NamesPerSlice;
        foreach (var (mount, start, path) in Places(view, db))
        {
            if (mount.Root < from?.Root)
            {
                continue;
            }

            var walk = new Walk(view, db, mount, path, text, _found, count);
            if (walk.Run(start.Id, from?.Root == mount.Root ? from.After : [[]], ref left) is { } stopped)
            {
                return new SearchPlace(mount.Root, stopped);
            }
        }

        return null;
    }

    /// <summary>Searching from the root looks through shared folders too. In the order of their tops, which a cursor names.</summary>
    private List<(Mount Mount, NodeRow Start, FilePath Path)> Places(View view, CatalogReader db)
    {
        var spot = FileStore.Walk(view, db, Operation.Search, folder, followLast: true);
        var top = spot.RequireFolder();
        var places = new List<(Mount Mount, NodeRow Start, FilePath Path)> { (spot.Mount!, top, spot.Path) };
        if (top.Id == view.Home.Root && !spot.IsPast)
        {
            foreach (var mount in view.Shared)
            {
                var name = View.ShownName(mount, taken => NodeTable.Find(db, top.Id, taken) is not null);
                if (NodeTable.Get(db, mount.Root) is { } start)
                {
                    places.Add((mount, start, spot.Path.Append(name)));
                }
            }
        }

        return [.. places.OrderBy(place => place.Mount.Root)];
    }

    /// <summary>The walk through one tree. A level for each folder on the way down: its node, and the last name that was looked at.</summary>
    private sealed class Walk(View view, CatalogReader db, Mount mount, FilePath path, string text, List<FoundNode> found, int count)
    {
        private const int NamesPerQuery = 256;

        private readonly List<(long Folder, byte[] After)> _levels = [];
        private readonly char[] _name = new char[Limits.NameBytesMax];

        /// <returns>The last names of all levels when it stopped before the end.</returns>
        public List<byte[]>? Run(long start, IReadOnlyList<byte[]> after, ref int left)
        {
            Descend(start, after);
            while (_levels.Count > 0)
            {
                if (left <= 0 || found.Count >= count)
                {
                    return [.. _levels.Select(level => level.After)];
                }

                if (!Look(ref left))
                {
                    _levels.RemoveAt(_levels.Count - 1);
                }
            }

            return null;
        }

        /// <summary>Back to where the page before ended. What was moved away meanwhile is passed by.</summary>
        private void Descend(long start, IReadOnlyList<byte[]> after)
        {
            _levels.Add((start, after[0]));
            foreach (var name in after.Skip(1))
            {
                using var child = db.Sql("SELECT id FROM node WHERE parent = ?1 AND name = ?2 AND kind = 2").Bind(_levels[^1].Folder).Bind(_levels[^1].After);
                if (child.RunScalar() is not { } id)
                {
                    return;
                }

                _levels.Add((id, name));
            }
        }

        /// <summary>Some more names of the deepest folder, up to the first folder among them. False: there are none.</summary>
        private bool Look(ref int left)
        {
            var (folder, after) = _levels[^1];
            using var rows = db.Sql("SELECT id, name, kind FROM node WHERE parent = ?1 AND name > ?2 ORDER BY name LIMIT ?3")
                .Bind(folder).Bind(after).Bind(NamesPerQuery);
            var any = false;
            while (found.Count < count && rows.Step())
            {
                any = true;
                left--;
                var name = rows.Span(1);
                if (Fits(name))
                {
                    _levels[^1] = (folder, name.ToArray());
                    Add(rows.Long(0));
                }

                if (rows.Int(2) == (int)NodeKind.Folder)
                {
                    _levels[^1] = (folder, rows.Bytes(1));
                    _levels.Add((rows.Long(0), []));
                    return true;
                }

                after = rows.Bytes(1);
            }

            _levels[^1] = (folder, after);
            return any;
        }

        private bool Fits(ReadOnlySpan<byte> name)
        {
            var chars = Encoding.UTF8.GetChars(name, _name);
            return ((ReadOnlySpan<char>)_name.AsSpan(0, chars)).Contains(text, StringComparison.OrdinalIgnoreCase);
        }

        private void Add(long id)
        {
            if (NodeTable.Get(db, id) is { } node)
            {
                found.Add(new FoundNode(_levels.Aggregate(path, (way, level) => way.Append(FileName.From(level.After))), view.Info(node, mount)));
            }
        }
    }

    /// <summary>Where a page ended: the tree, and for each folder on the way down the last name that was looked at.</summary>
    private sealed record SearchPlace(long Root, IReadOnlyList<byte[]> After)
    {
        public static SearchPlace? Parse(string? cursor)
        {
            if (cursor is null)
            {
                return null;
            }

            try
            {
                var parts = Split(System.Buffers.Text.Base64Url.DecodeFromChars(cursor));
                if (parts.Count is > 1 and <= Limits.PathDepthMax + 2 && long.TryParse(Encoding.ASCII.GetString(parts[0]), out var root))
                {
                    return new SearchPlace(root, parts[1..]);
                }
            }
            catch (FormatException)
            {
                // Said below.
            }

            throw FluxException.Invalid("The cursor is not one that this server gave; begin the search anew.");
        }

        // No name holds a slash.
        public override string ToString()
        {
            var bytes = new List<byte>(Encoding.ASCII.GetBytes(Root.ToString(System.Globalization.CultureInfo.InvariantCulture)));
            foreach (var name in After)
            {
                bytes.Add((byte)'/');
                bytes.AddRange(name);
            }

            return System.Buffers.Text.Base64Url.EncodeToString([.. bytes]);
        }

        private static List<byte[]> Split(byte[] bytes)
        {
            var parts = new List<byte[]>();
            var start = 0;
            for (var i = 0; i <= bytes.Length; i++)
            {
                if (i == bytes.Length || bytes[i] == (byte)'/')
                {
                    parts.Add(bytes[start..i]);
                    start = i + 1;
                }
            }

            return parts;
        }
    }
}
