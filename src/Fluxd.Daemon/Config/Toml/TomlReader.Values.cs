namespace Fluxd.Daemon.Config.Toml;

internal sealed partial class TomlReader
{
    private List<KeyPart> ReadKey()
    {
        var parts = new List<KeyPart>();
        do
        {
            SkipBlank();
            if (parts.Count == DepthMax)
            {
                throw Fault($"a key has at most {DepthMax} parts");
            }

            parts.Add(ReadKeyPart());
            SkipBlank();
        }
        while (TryTake('.'));
        return parts;
    }

    private KeyPart ReadKeyPart()
    {
        var start = _at;
        if (Peek() is '"' or '\'')
        {
            if (Peek(1) == Peek() && Peek(2) == Peek())
            {
                throw Fault("a key can't be a multi-line string");
            }

            return new KeyPart(Peek() == '"' ? ReadBasicString() : ReadLiteralString(), start);
        }

        while (char.IsAsciiLetterOrDigit(Peek()) || Peek() is '_' or '-')
        {
            _at++;
        }

        return _at > start
            ? new KeyPart(_text[start.._at], start)
            : throw Fault($"expected a key, found {Shown()}");
    }

    private TomlValue ReadValue()
    {
        var position = PositionOf(_at);
        return Peek() switch
        {
            '"' => new TomlString(StartsWith("\"\"\"") ? ReadMultiLine('"') : ReadBasicString(), position),
            '\'' => new TomlString(StartsWith("'''") ? ReadMultiLine('\'') : ReadLiteralString(), position),
            '[' => Nested(() => ReadArray(position)),
            '{' => Nested(() => ReadInlineTable(position)),
            _ => ReadScalar(position),
        };
    }

    private TomlValue Nested(Func<TomlValue> read)
    {
        if (++_depth > DepthMax)
        {
            throw Fault($"values are nested more than {DepthMax} deep");
        }

        var value = read();
        _depth--;
        return value;
    }

    private TomlArray ReadArray(TomlPosition position)
    {
        var array = new TomlArray(ofTables: false, position);
        Take('[');
        while (true)
        {
            SkipBlankLines();
            if (TryTake(']'))
            {
                return array;
            }

            array.Items.Add(ReadValue());
            SkipBlankLines();
            if (!TryTake(',') && Peek() != ']')
            {
                throw Fault($"expected ',' or ']' in the array, found {Shown()}");
            }
        }
    }

    private TomlTable ReadInlineTable(TomlPosition position)
    {
        var table = new TomlTable(TomlTableOrigin.Header, position);
        Take('{');
        SkipBlank();
        if (!TryTake('}'))
        {
            do
            {
                SkipBlank();
                ReadKeyValue(table);
                SkipBlank();
            }
            while (TryTake(','));
            if (!TryTake('}'))
            {
                throw Fault($"expected ',' or '}}' in the inline table, found {Shown()}");
            }
        }

        Freeze(table);
        return table;
    }

    /// <summary>An inline table is complete where it stands, and so is what dotted keys made inside it.</summary>
    private static void Freeze(TomlTable table)
    {
        table.Origin = TomlTableOrigin.Inline;
        foreach (var key in table.Keys)
        {
            if (table[key] is TomlTable inner)
            {
                Freeze(inner);
            }
        }
    }

    private bool StartsWith(string wanted) => string.CompareOrdinal(_text, _at, wanted, 0, wanted.Length) == 0;
}
