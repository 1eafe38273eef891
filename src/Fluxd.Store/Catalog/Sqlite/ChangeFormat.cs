using System.Buffers;
using System.Buffers.Binary;
using SQLitePCL;

namespace Fluxd.Store.Catalog.Sqlite;

/// <summary>
/// The bytes of a changeset, as SQLite documents them for its session extension: for each table a header, then rows of
/// values that each begin with their type.
/// </summary>
internal static class ChangeFormat
{
    /// <summary>In place of a value: a column that an update left alone.</summary>
    internal static ReadOnlySpan<byte> Unchanged => [0];

    private const byte Table = (byte)'T';

    internal static byte[] Header(string table, IReadOnlyList<int> keyPlaces)
    {
        var header = new ArrayBufferWriter<byte>();
        AppendByte(header, Table);
        AppendLength(header, keyPlaces.Count);
        foreach (var place in keyPlaces)
        {
            AppendByte(header, (byte)place);
        }

        header.Write(System.Text.Encoding.UTF8.GetBytes(table + '\0'));
        return header.WrittenSpan.ToArray();
    }

    internal static void AppendOperation(ArrayBufferWriter<byte> to, int operation)
    {
        const byte Direct = 0; // not made by a trigger
        AppendByte(to, (byte)operation);
        AppendByte(to, Direct);
    }

    /// <summary>A column of the row that the statement stands on.</summary>
    internal static void AppendColumn(ArrayBufferWriter<byte> to, Statement row, int column)
    {
        var type = row.TypeOf(column);
        switch (type)
        {
            case raw.SQLITE_INTEGER:
                AppendLong(to, row.Long(column));
                break;
            case raw.SQLITE_FLOAT:
                AppendDouble(to, row.Double(column));
                break;
            case raw.SQLITE_NULL:
                AppendNull(to);
                break;
            default:
                AppendBytes(to, type, row.Span(column));
                break;
        }
    }

    internal static void AppendLong(ArrayBufferWriter<byte> to, long value)
    {
        var room = to.GetSpan(9);
        room[0] = raw.SQLITE_INTEGER;
        BinaryPrimitives.WriteInt64BigEndian(room[1..], value);
        to.Advance(9);
    }

    internal static void AppendDouble(ArrayBufferWriter<byte> to, double value)
    {
        var room = to.GetSpan(9);
        room[0] = raw.SQLITE_FLOAT;
        BinaryPrimitives.WriteDoubleBigEndian(room[1..], value);
        to.Advance(9);
    }

    internal static void AppendNull(ArrayBufferWriter<byte> to) => AppendByte(to, raw.SQLITE_NULL);

    /// <param name="type">Text or blob.</param>
    internal static void AppendBytes(ArrayBufferWriter<byte> to, int type, ReadOnlySpan<byte> value)
    {
        AppendByte(to, (byte)type);
        AppendLength(to, value.Length);
        to.Write(value);
    }

    /// <summary>Cuts the first value off: its type and all.</summary>
    internal static ReadOnlySpan<byte> TakeValue(ref ReadOnlySpan<byte> values)
    {
        var length = 1 + values[0] switch
        {
            raw.SQLITE_INTEGER or raw.SQLITE_FLOAT => sizeof(long),
            raw.SQLITE_TEXT or raw.SQLITE_BLOB => ReadLength(values[1..], out var digits) + digits,
            _ => 0,
        };
        var value = values[..length];
        values = values[length..];
        return value;
    }

    internal static void BindValue(Statement statement, ReadOnlySpan<byte> value)
    {
        switch (value[0])
        {
            case raw.SQLITE_INTEGER:
                statement.Bind(BinaryPrimitives.ReadInt64BigEndian(value[1..]));
                break;
            case raw.SQLITE_TEXT:
                _ = ReadLength(value[1..], out var digits);
                statement.Bind(System.Text.Encoding.UTF8.GetString(value[(1 + digits)..]));
                break;
            case raw.SQLITE_BLOB:
                _ = ReadLength(value[1..], out digits);
                statement.Bind(value[(1 + digits)..]);
                break;
            default:
                throw new InvalidOperationException("A key is a number, a text or bytes.");
        }
    }

    private static void AppendByte(ArrayBufferWriter<byte> to, byte value)
    {
        to.GetSpan(1)[0] = value;
        to.Advance(1);
    }

    // SQLite's variable-length integer: seven bits a byte, the highest first.
    private static void AppendLength(ArrayBufferWriter<byte> to, int length)
    {
        Span<byte> digits = stackalloc byte[5];
        var at = digits.Length;
        digits[--at] = (byte)(length & 0x7F);
        for (var rest = length >> 7; rest > 0; rest >>= 7)
        {
            digits[--at] = (byte)(0x80 | (rest & 0x7F));
        }

        to.Write(digits[at..]);
    }

    private static int ReadLength(ReadOnlySpan<byte> from, out int digits)
    {
        var length = 0;
        for (digits = 0; ; digits++)
        {
            length = (length << 7) | (from[digits] & 0x7F);
            if ((from[digits] & 0x80) == 0)
            {
                digits++;
                return length;
            }
        }
    }
}
