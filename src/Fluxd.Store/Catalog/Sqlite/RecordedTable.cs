using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using SQLitePCL;

namespace Fluxd.Store.Catalog.Sqlite;

/// <summary>One table as the recorder knows it, and the rows of it that the transaction under way has touched.</summary>
internal sealed class RecordedTable
{
    private readonly byte[] _header;
    private readonly bool[] _isKey;
    private readonly string _select;
    private readonly List<Row> _rows = [];
    private readonly HashSet<byte[]>.AlternateLookup<ReadOnlySpan<byte>> _keys = new HashSet<byte[]>(KeyBytes.Instance).GetAlternateLookup<ReadOnlySpan<byte>>();

    private RecordedTable(string name, IReadOnlyList<string> columns, IReadOnlyList<int> keyPlaces)
    {
        Name = name;
        Columns = columns.Count;
        KeyColumns = [.. Enumerable.Range(0, columns.Count).Where(column => keyPlaces[column] > 0)];
        _isKey = [.. keyPlaces.Select(place => place > 0)];
        _header = ChangeFormat.Header(name, keyPlaces);
        _select = $"SELECT {string.Join(", ", columns.Select(Quoted))} FROM {Quoted(name)} WHERE "
            + string.Join(" AND ", KeyColumns.Select((column, i) => $"{Quoted(columns[column])} = ?{i + 1}"));
    }

    internal string Name { get; }

    internal int Columns { get; }

    internal int[] KeyColumns { get; }

    internal bool IsTouched => _rows.Count > 0;

    internal static RecordedTable Read(Database database, string name)
    {
        var (columns, places) = (new List<string>(), new List<int>());
        using var info = database.Sql("SELECT name, pk FROM pragma_table_info(?1) ORDER BY cid").Bind(name);
        while (info.Step())
        {
            columns.Add(info.Text(0));
            places.Add(info.Int(1));
        }

        return places.Exists(place => place > 0)
            ? new RecordedTable(name, columns, places)
            : throw new InvalidOperationException($"The table {name} has no primary key: its changes could not be put into the log.");
    }

    internal bool Knows(ReadOnlySpan<byte> key) => _keys.Contains(key);

    /// <summary>Only the first touch counts: it knows the row as it was before the transaction.</summary>
    /// <param name="old">All its values; empty for a row that was not there.</param>
    internal void Touch(ReadOnlySpan<byte> key, ReadOnlySpan<byte> old)
    {
        var row = new Row(key.ToArray(), old.IsEmpty ? null : old.ToArray());
        _keys.Set.Add(row.Key);
        _rows.Add(row);
    }

    internal void Forget()
    {
        _rows.Clear();
        _keys.Set.Clear();
    }

    /// <summary>Adds what became of each touched row; nothing where all is as it was.</summary>
    internal void AppendChanges(Database database, ArrayBufferWriter<byte> to)
    {
        var now = new ArrayBufferWriter<byte>();
        var hasHeader = false;
        using var select = database.Sql(_select);
        foreach (var row in _rows)
        {
            now.ResetWrittenCount();
            var isThere = ReadNow(select, row.Key, now);
            if (isThere ? row.Old is not null && now.WrittenSpan.SequenceEqual(row.Old) : row.Old is null)
            {
                continue;
            }

            if (!hasHeader)
            {
                to.Write(_header);
                hasHeader = true;
            }

            if (row.Old is null)
            {
                ChangeFormat.AppendOperation(to, raw.SQLITE_INSERT);
                to.Write(now.WrittenSpan);
            }
            else if (!isThere)
            {
                ChangeFormat.AppendOperation(to, raw.SQLITE_DELETE);
                to.Write(row.Old);
            }
            else
            {
                AppendUpdate(to, row.Old, now.WrittenSpan);
            }
        }
    }

    private bool ReadNow(Statement select, ReadOnlySpan<byte> key, ArrayBufferWriter<byte> to)
    {
        select.Again();
        while (!key.IsEmpty)
        {
            ChangeFormat.BindValue(select, ChangeFormat.TakeValue(ref key));
        }

        if (!select.Step())
        {
            return false;
        }

        for (var column = 0; column < Columns; column++)
        {
            ChangeFormat.AppendColumn(to, select, column);
        }

        return true;
    }

    /// <summary>Old: the key, and what was where something changed. New: what is there now.</summary>
    private void AppendUpdate(ArrayBufferWriter<byte> to, ReadOnlySpan<byte> old, ReadOnlySpan<byte> now)
    {
        ChangeFormat.AppendOperation(to, raw.SQLITE_UPDATE);
        var olds = old;
        var news = now;
        for (var column = 0; column < Columns; column++)
        {
            var value = ChangeFormat.TakeValue(ref olds);
            var isSame = value.SequenceEqual(ChangeFormat.TakeValue(ref news));
            to.Write(isSame && !_isKey[column] ? ChangeFormat.Unchanged : value);
        }

        olds = old;
        news = now;
        for (var column = 0; column < Columns; column++)
        {
            var value = ChangeFormat.TakeValue(ref news);
            to.Write(value.SequenceEqual(ChangeFormat.TakeValue(ref olds)) ? ChangeFormat.Unchanged : value);
        }
    }

    private static string Quoted(string name) => $"\"{name}\"";

    private sealed record Row(byte[] Key, byte[]? Old);

    private sealed class KeyBytes : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
    {
        internal static readonly KeyBytes Instance = new();

        public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();

        public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode([DisallowNull] byte[] key) => GetHashCode(key.AsSpan());

        public int GetHashCode(ReadOnlySpan<byte> alternate)
        {
            var hash = default(HashCode);
            hash.AddBytes(alternate);
            return hash.ToHashCode();
        }
    }
}
