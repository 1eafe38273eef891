using System.Globalization;
using System.Text;

namespace Fluxd.Daemon.Config.Toml;

/// <summary>
/// Reads all of TOML 1.0.0 (toml.io/en/v1.0.0) in one pass over the decoded text. A pure function of bytes: no I/O, no
/// state between calls, bounded depth. The first mistake ends it with a <see cref="TomlException"/>.
/// </summary>
internal sealed partial class TomlReader
{
    /// <summary>Far beyond any configuration; keeps a hostile file from exhausting the stack.</summary>
    private const int DepthMax = 64;

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly string _text;
    private readonly List<int> _lineStarts = [0];
    private readonly TomlTable _root;
    private TomlTable _section;
    private int _at;
    private int _depth;

    private TomlReader(string text)
    {
        _text = text;
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '\n')
            {
                _lineStarts.Add(i + 1);
            }
        }

        _root = new TomlTable(TomlTableOrigin.Header, new TomlPosition(1, 1));
        _section = _root;
    }

    public static TomlTable Read(ReadOnlySpan<byte> utf8)
    {
        if (utf8.StartsWith("\uFEFF"u8))
        {
            utf8 = utf8[3..];
        }

        try
        {
            return Read(StrictUtf8.GetString(utf8));
        }
        catch (DecoderFallbackException e)
        {
            var before = Encoding.UTF8.GetString(utf8[..Math.Clamp(e.Index, 0, utf8.Length)]);
            throw new TomlException(new TomlReader(before).PositionOf(before.Length), "the file is not valid UTF-8 here; save it as UTF-8");
        }
    }

    public static TomlTable Read(string text)
    {
        var reader = new TomlReader(text);
        reader.ReadDocument();
        return reader._root;
    }

    private void ReadDocument()
    {
        while (true)
        {
            SkipBlankLines();
            if (AtEnd)
            {
                return;
            }

            if (Peek() == '[')
            {
                ReadHeader();
            }
            else
            {
                ReadKeyValue(_section);
            }

            SkipBlank();
            SkipComment();
            if (!AtEnd && !TryTakeLineEnd())
            {
                throw Fault($"expected the end of the line, found {Shown()}");
            }
        }
    }

    private void ReadHeader()
    {
        var start = _at;
        Take('[');
        var ofTables = TryTake('[');
        SkipBlank();
        var key = ReadKey();
        SkipBlank();
        Take(']');
        if (ofTables)
        {
            Take(']');
        }

        var parent = _root;
        foreach (var part in key[..^1])
        {
            parent = StepIntoForHeader(parent, part);
        }

        _section = ofTables ? AddTableToArray(parent, key[^1], start) : DefineTable(parent, key[^1], start);
    }

    private TomlTable StepIntoForHeader(TomlTable table, KeyPart part)
    {
        if (!table.TryGet(part.Name, out var value))
        {
            var made = new TomlTable(TomlTableOrigin.Implied, PositionOf(part.Start));
            table.Add(part.Name, made);
            return made;
        }

        return value switch
        {
            TomlTable { Origin: not TomlTableOrigin.Inline } found => found,
            TomlTable => throw Fault(part.Start, $"\"{part.Name}\" is an inline table, to which nothing can be added"),
            TomlArray { IsOfTables: true } array => (TomlTable)array.Items[^1],
            _ => throw Fault(part.Start, $"\"{part.Name}\" already is {value.Kind}, not a table"),
        };
    }

    private TomlTable DefineTable(TomlTable parent, KeyPart part, int start)
    {
        if (!parent.TryGet(part.Name, out var value))
        {
            var made = new TomlTable(TomlTableOrigin.Header, PositionOf(start));
            parent.Add(part.Name, made);
            return made;
        }

        if (value is not TomlTable { Origin: TomlTableOrigin.Implied } table)
        {
            throw Fault(part.Start, $"\"{part.Name}\" is already defined at {value.Position}");
        }

        table.Origin = TomlTableOrigin.Header;
        return table;
    }

    private TomlTable AddTableToArray(TomlTable parent, KeyPart part, int start)
    {
        var table = new TomlTable(TomlTableOrigin.Header, PositionOf(start));
        if (!parent.TryGet(part.Name, out var value))
        {
            value = new TomlArray(ofTables: true, PositionOf(start));
            parent.Add(part.Name, value);
        }

        if (value is not TomlArray { IsOfTables: true } array)
        {
            throw Fault(part.Start, $"\"{part.Name}\" is already defined at {value.Position} and is no array of tables");
        }

        array.Items.Add(table);
        return table;
    }

    private void ReadKeyValue(TomlTable table)
    {
        var key = ReadKey();
        SkipBlank();
        Take('=');
        SkipBlank();
        foreach (var part in key[..^1])
        {
            table = StepIntoForDottedKey(table, part);
        }

        var last = key[^1];
        if (table.TryGet(last.Name, out var earlier))
        {
            throw Fault(last.Start, $"\"{last.Name}\" is already defined at {earlier.Position}");
        }

        table.Add(last.Name, ReadValue());
    }

    private TomlTable StepIntoForDottedKey(TomlTable table, KeyPart part)
    {
        if (!table.TryGet(part.Name, out var value))
        {
            var made = new TomlTable(TomlTableOrigin.DottedKey, PositionOf(part.Start));
            table.Add(part.Name, made);
            return made;
        }

        if (value is not TomlTable { Origin: TomlTableOrigin.DottedKey or TomlTableOrigin.Implied } found)
        {
            throw Fault(part.Start, $"\"{part.Name}\" is already defined at {value.Position}, so a dotted key can't add to it");
        }

        found.Origin = TomlTableOrigin.DottedKey;
        return found;
    }

    private bool AtEnd => _at >= _text.Length;

    /// <summary>NUL stands for the end: it is no legal character anywhere in TOML.</summary>
    private char Peek(int ahead = 0) => _at + ahead < _text.Length ? _text[_at + ahead] : '\0';

    private bool TryTake(char wanted)
    {
        if (Peek() != wanted || AtEnd)
        {
            return false;
        }

        _at++;
        return true;
    }

    private void Take(char wanted)
    {
        if (!TryTake(wanted))
        {
            throw Fault($"expected '{wanted}', found {Shown()}");
        }
    }

    private bool TryTakeLineEnd()
    {
        if (Peek() == '\r' && Peek(1) == '\n')
        {
            _at += 2;
            return true;
        }

        return TryTake('\n');
    }

    private void SkipBlank()
    {
        while (Peek() is ' ' or '\t')
        {
            _at++;
        }
    }

    private void SkipComment()
    {
        if (Peek() != '#')
        {
            return;
        }

        while (!AtEnd && Peek() != '\n' && !(Peek() == '\r' && Peek(1) == '\n'))
        {
            RefuseControl("a comment");
            _at++;
        }
    }

    /// <summary>Blanks, comments and line ends, as between the items of an array.</summary>
    private void SkipBlankLines()
    {
        do
        {
            SkipBlank();
            SkipComment();
        }
        while (TryTakeLineEnd());
    }

    private void RefuseControl(string where)
    {
        if (Peek() is (< ' ' and not '\t') or '\x7F')
        {
            throw Fault($"the control character {Shown()} can't stand in {where}; write it as an escape in a basic string");
        }
    }

    private string Shown()
    {
        if (AtEnd)
        {
            return "the end of the file";
        }

        var rune = Rune.TryGetRuneAt(_text, _at, out var found) ? found : Rune.ReplacementChar;
        return rune.Value switch
        {
            '\n' or '\r' => "the end of the line",
            < ' ' or 0x7F => string.Create(CultureInfo.InvariantCulture, $"U+{rune.Value:X4}"),
            _ => $"'{rune}'",
        };
    }

    private TomlException Fault(string problem) => Fault(_at, problem);

    private TomlException Fault(int offset, string problem) => new(PositionOf(offset), problem);

    private TomlPosition PositionOf(int offset)
    {
        var found = _lineStarts.BinarySearch(offset);
        var line = found >= 0 ? found : ~found - 1;
        var column = 1;
        foreach (var _ in _text.AsSpan(_lineStarts[line], offset - _lineStarts[line]).EnumerateRunes())
        {
            column++;
        }

        return new TomlPosition(line + 1, column);
    }

    private readonly record struct KeyPart(string Name, int Start);
}
