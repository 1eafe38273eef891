using System.Globalization;
using System.Text;

namespace Fluxd.Daemon.Config.Toml;

internal sealed partial class TomlReader
{
    private string ReadBasicString()
    {
        var start = _at;
        Take('"');
        var text = new StringBuilder();
        while (!TryTake('"'))
        {
            RefuseLineEnd(start);
            RefuseControl("a string");
            if (TryTake('\\'))
            {
                ReadEscape(text);
            }
            else
            {
                text.Append(_text[_at++]);
            }
        }

        return text.ToString();
    }

    private string ReadLiteralString()
    {
        var start = _at;
        Take('\'');
        while (Peek() != '\'')
        {
            RefuseLineEnd(start);
            RefuseControl("a string");
            _at++;
        }

        return _text[(start + 1).._at++];
    }

    private void RefuseLineEnd(int start)
    {
        if (AtEnd || Peek() == '\n' || (Peek() == '\r' && Peek(1) == '\n'))
        {
            throw Fault(start, "this string is not closed before the end of its line");
        }
    }

    private string ReadMultiLine(char quote)
    {
        var start = _at;
        _at += 3;
        TryTakeLineEnd(); // a line end right after the opening is not part of the string
        var text = new StringBuilder();
        while (true)
        {
            if (AtEnd)
            {
                throw Fault(start, "this multi-line string is not closed before the end of the file");
            }

            if (Peek() == quote)
            {
                if (TryCloseMultiLine(quote, text))
                {
                    return text.ToString();
                }
            }
            else if (TryTakeLineEnd())
            {
                text.Append('\n');
            }
            else if (quote == '"' && TryTake('\\'))
            {
                ReadMultiLineEscape(text);
            }
            else
            {
                RefuseControl("a string");
                text.Append(_text[_at++]);
            }
        }
    }

    /// <summary>Up to two quotes may stand anywhere, also right before the closing three.</summary>
    private bool TryCloseMultiLine(char quote, StringBuilder text)
    {
        var count = 0;
        while (count < 5 && Peek(count) == quote)
        {
            count++;
        }

        _at += count;
        text.Append(quote, count >= 3 ? count - 3 : count);
        return count >= 3;
    }

    private void ReadMultiLineEscape(StringBuilder text)
    {
        var afterBackslash = _at;
        SkipBlank();
        if (!TryTakeLineEnd())
        {
            _at = afterBackslash;
            ReadEscape(text);
            return;
        }

        do
        {
            SkipBlank();
        }
        while (TryTakeLineEnd());
    }

    private void ReadEscape(StringBuilder text)
    {
        var start = _at - 1;
        var escape = Peek();
        _at++;
        switch (escape)
        {
            case 'b': text.Append('\b'); break;
            case 't': text.Append('\t'); break;
            case 'n': text.Append('\n'); break;
            case 'f': text.Append('\f'); break;
            case 'r': text.Append('\r'); break;
            case '"': text.Append('"'); break;
            case '\\': text.Append('\\'); break;
            case 'u': AppendScalar(text, start, 4); break;
            case 'U': AppendScalar(text, start, 8); break;
            default:
                throw Fault(start, "unknown escape; known are \\b \\t \\n \\f \\r \\\" \\\\ \\uXXXX \\UXXXXXXXX (or use a 'literal' string)");
        }
    }

    private void AppendScalar(StringBuilder text, int start, int digits)
    {
        var hex = _at + digits <= _text.Length ? _text.AsSpan(_at, digits) : default;
        if (!uint.TryParse(hex, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value) || !Rune.IsValid(value))
        {
            throw Fault(start, $"\\{_text[_at - 1]} needs {digits} hexadecimal digits that name a Unicode character");
        }

        text.Append(new Rune(value).ToString());
        _at += digits;
    }
}
