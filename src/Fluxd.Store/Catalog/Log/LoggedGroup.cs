using Fluxd.Store.Catalog.Sqlite;
using Fluxd.Store.Packs;

namespace Fluxd.Store.Catalog.Log;

/// <summary>A group that is in the log, and what the catalogue needs of it.</summary>
internal sealed record LoggedGroup(long Group, IReadOnlyList<TrailerInfo> Segments, ReadOnlyMemory<byte> Changes)
{
    /// <summary>The rows that follow from the log itself. In a transaction of the caller's.</summary>
    internal void InsertSegments(Database database)
    {
        foreach (var segment in Segments)
        {
            SegmentRows.Insert(database, segment);
        }

        using var applied = database.Sql("UPDATE local SET value = ?1 WHERE key = 'applied_group'").Bind(Group);
        applied.Run();
    }

    /// <summary>All of it, in a transaction of its own: the catalogue is then as if it had taken the group when it was made.</summary>
    internal void Play(Database database)
    {
        database.Execute("BEGIN IMMEDIATE");
        try
        {
            InsertSegments(database);
            if (Changes.Length > 0)
            {
                ChangePlayer.Play(database, Changes.Span);
            }

            database.Execute("COMMIT");
        }
        catch
        {
            database.RollBack();
            throw;
        }
    }
}
