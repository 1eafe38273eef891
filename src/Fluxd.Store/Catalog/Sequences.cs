using Fluxd.Store.Catalog.Sqlite;

namespace Fluxd.Store.Catalog;

/// <summary>
/// Ids of each kind as they are given out, in memory during a group: table <c>sequence</c> hears of them once, before the
/// group's log record is taken. A write that failed leaves a gap. The committer's thread only.
/// </summary>
internal sealed class Sequences(Database database)
{
    private readonly Dictionary<string, Sequence> _known = new(StringComparer.Ordinal);

    /// <summary>The first of <paramref name="count"/> ids in a row.</summary>
    internal long Take(string kind, int count)
    {
        if (!_known.TryGetValue(kind, out var sequence))
        {
            using var row = database.Sql("SELECT next FROM sequence WHERE name = ?1").Bind(kind);
            var saved = row.RunScalar() ?? throw new ArgumentException($"There is no sequence \"{kind}\".", nameof(kind));
            _known.Add(kind, sequence = new Sequence { Next = saved, Saved = saved });
        }

        sequence.Next += count;
        return sequence.Next - count;
    }

    /// <summary>Given out since the last <see cref="Save"/>: what no committed row can have.</summary>
    internal bool IsFromThisGroup(string kind, long id) => _known.TryGetValue(kind, out var sequence) && id >= sequence.Saved;

    internal void Save()
    {
        foreach (var (kind, sequence) in _known)
        {
            if (sequence.Next != sequence.Saved)
            {
                using var save = database.Sql("UPDATE sequence SET next = ?1 WHERE name = ?2").Bind(sequence.Next).Bind(kind);
                save.Run();
                sequence.Saved = sequence.Next;
            }
        }
    }

    /// <summary>The group was taken back: what the table says counts.</summary>
    internal void Forget() => _known.Clear();

    private sealed class Sequence
    {
        internal long Next { get; set; }

        internal long Saved { get; set; }
    }
}
