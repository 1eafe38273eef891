using Fluxd.Core;
using Fluxd.Store.Catalog.Sqlite;
using Fluxd.Store.Packs;

namespace Fluxd.Store.Catalog.Log;

/// <summary>What a start found in the packs.</summary>
/// <param name="Groups">Groups that were in the log and not in the catalogue.</param>
/// <param name="NextPack">The first pack id that was never used.</param>
/// <param name="Strays">Pack files that belong to nothing that is committed: left alone, for fsck to name.</param>
internal sealed record ReplayResult(int Groups, long NextPack, IReadOnlyList<long> Strays);

/// <summary>
/// Brings a catalogue up to its log at start, before any id is given out: plays the groups after
/// <c>applied_group</c> in order up to the first gap, then cuts what is behind, and closes the packs that the last
/// process left open. A catalogue that lost the end of its write-ahead log, or a copy of long ago, is whole again.
/// </summary>
internal sealed class Replay
{
    private readonly Database _database;
    private readonly IPackStore _packs;
    private readonly Action<int> _migrateTo;
    private readonly Dictionary<long, IReadOnlyList<TrailerInfo>> _scanned = [];
    private readonly ILookup<long, TrailerInfo> _records;
    private long _applied;

    private Replay(Database database, IPackStore packs, Action<int> migrateTo, IEnumerable<long> candidates)
    {
        _database = database;
        _packs = packs;
        _migrateTo = migrateTo;
        _applied = database.Scalar("SELECT value FROM local WHERE key = 'applied_group'") ?? 0;
        foreach (var pack in candidates)
        {
            _scanned.Add(pack, [.. packs.Scan(pack, 0)]);
        }

        _records = _scanned.Values.SelectMany(trailers => trailers).Where(trailer => trailer.HasJournal && trailer.Group > _applied)
            .ToLookup(trailer => trailer.Group);
    }

    /// <param name="migrateTo">Brings the schema up to that of a record.</param>
    /// <exception cref="FluxException">Corrupt: committed bytes are missing, or a record in the middle of the log. Nothing was cut.</exception>
    internal static ReplayResult Run(Database database, IPackStore packs, Action<int> migrateTo)
    {
        var files = packs.List();
        var lengths = files.ToDictionary(file => file.Pack, file => file.Length);
        var rows = ReadPackRows(database);
        var candidates = files.Where(file => !rows.TryGetValue(file.Pack, out var row) || row.State == 0).Select(file => file.Pack).ToList();
        var replay = new Replay(database, packs, migrateTo, candidates);
        var groups = replay.Play();

        // What the catalogue knew before must be there. Asked only now, because an old copy of it may name packs that a
        // later, logged commit doomed; and of the old lengths, because a record that was just played may lack its padding.
        var before = rows;
        rows = ReadPackRows(database);
        foreach (var (id, row) in before.Where(known => rows.TryGetValue(known.Key, out var now) && now.State != 2))
        {
            CheckThere(id, row, lengths.TryGetValue(id, out var length) ? length : null);
        }

        replay.CheckNothingBeyond();
        var strays = replay.Close(rows);
        var next = Math.Max(
            files.Select(file => file.Pack).Concat(rows.Keys).DefaultIfEmpty().Max() + 1,
            database.Scalar("SELECT next FROM sequence WHERE name = 'pack'") ?? 1);
        return new ReplayResult(groups, next, strays);
    }

    private int Play()
    {
        var groups = 0;
        while (FindWhole(_applied + 1) is var (record, segments) && record is not null)
        {
            PlayGroup(record, segments!);
            groups++;
        }

        return groups;
    }

    private (GroupRecord? Record, List<TrailerInfo>? Segments) FindWhole(long group)
    {
        // A group whose first attempt failed may have left a record too; whichever is whole is the same group.
        foreach (var trailer in _records[group])
        {
            if (GroupRecord.Decode(_packs.ReadJournal(trailer)) is { } record && record.Previous == _applied
                && FindSegments(record, trailer) is { } segments && segments.TrueForAll(segment => _packs.Verify(segment, rehash: false).Count == 0))
            {
                return (record, segments);
            }
        }

        return default;
    }

    private List<TrailerInfo>? FindSegments(GroupRecord record, TrailerInfo last)
    {
        var segments = new List<TrailerInfo>();
        foreach (var named in record.Segments)
        {
            var found = TrailersOf(named.Pack).FirstOrDefault(trailer => trailer.Segment == named.Segment);
            if (found is null || found.Group != last.Group || found.FirstChunkId != named.FirstChunkId || found.Chunks.Count != named.Chunks)
            {
                return null;
            }

            segments.Add(found);
        }

        segments.Add(last);
        return segments;
    }

    private void PlayGroup(GroupRecord record, List<TrailerInfo> segments)
    {
        _migrateTo(record.Schema);
        if (Migrations.VersionOf(_database) != record.Schema)
        {
            throw new FluxException(
                FluxError.Unavailable, $"The log was written with schema {record.Schema}, which this version of fluxd can't play: start the newer fluxd that wrote it.");
        }

        var group = segments[^1].Group;
        new LoggedGroup(group, segments, record.Changes).Play(_database);
        _applied = group;
    }

    /// <summary>
    /// A group is begun only when the one before it is on the disk. So a record beyond a gap says that the gap was
    /// committed and is damaged: then nothing is cut.
    /// </summary>
    private void CheckNothingBeyond()
    {
        var beyond = _records.Where(group => group.Key > _applied + 1).Select(group => group.Key).DefaultIfEmpty().Min();
        if (beyond > 0)
        {
            throw new FluxException(
                FluxError.Corrupt,
                $"The log is damaged: group {_applied + 1} is missing or broken, and group {beyond} is there. Nothing was changed; run fluxctl store fsck.");
        }
    }

    private List<long> Close(Dictionary<long, PackRow> rows)
    {
        var strays = new List<long>();
        // A record of the next group that was not played is torn, or has rotted: then no pack is judged by its lack.
        var hasRecord = _records.Contains(_applied + 1);
        foreach (var (pack, trailers) in _scanned)
        {
            var keep = trailers.Where(trailer => trailer.Group <= _applied).ToList();
            if (rows.TryGetValue(pack, out var row))
            {
                CloseOpen(pack, row, keep);
            }
            else if (!hasRecord && (trailers.Count > 0 ? trailers.All(trailer => trailer.Group == _applied + 1) : _packs.IsBlank(pack)))
            {
                // Cut to nothing, as the ends of the others are: what a dead process had begun and not committed.
                _packs.Remove(pack);
            }
            else
            {
                strays.Add(pack);
            }
        }

        return strays;
    }

    private void CloseOpen(long pack, PackRow row, List<TrailerInfo> keep)
    {
        var end = keep.Count == 0 ? 0 : keep[^1].End;
        if (end < row.Length)
        {
            throw new FluxException(
                FluxError.Corrupt,
                $"Pack {pack:x16} ends at byte {end} and {row.Length} bytes of it were committed. Nothing was changed; run fluxctl store fsck.");
        }

        if (!_packs.IsSealed(pack))
        {
            _packs.SealLeftOpen(pack, keep);
        }

        SegmentRows.SetSealed(_database, pack);
    }

    private IReadOnlyList<TrailerInfo> TrailersOf(long pack) => _scanned.TryGetValue(pack, out var trailers) ? trailers : [];

    private static void CheckThere(long pack, PackRow row, long? length)
    {
        if (row.State != 2 && !(length >= row.Length))
        {
            throw new FluxException(
                FluxError.Corrupt,
                length is null
                    ? $"Pack {pack:x16} is missing. Nothing was changed; put it back from a backup, or run fluxctl store fsck."
                    : $"Pack {pack:x16} has {length} bytes and {row.Length} bytes of it were committed. Nothing was changed; run fluxctl store fsck.");
        }
    }

    private static Dictionary<long, PackRow> ReadPackRows(Database database)
    {
        var rows = new Dictionary<long, PackRow>();
        using var all = database.Sql("SELECT id, state, len FROM pack");
        while (all.Step())
        {
            rows.Add(all.Long(0), new PackRow(all.Int(1), all.Long(2)));
        }

        return rows;
    }

    private sealed record PackRow(int State, long Length);
}
