using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Fluxd.Daemon.Hosting;

/// <summary>One entry in journald's native form: <c>KEY=value</c>, or with a length where the value has a line end.</summary>
internal sealed class JournalEntry
{
    private readonly ArrayBufferWriter<byte> _bytes = new(512);

    public ReadOnlySpan<byte> Bytes => _bytes.WrittenSpan;

    public JournalEntry Add(string key, string value)
    {
        var text = Encoding.UTF8.GetBytes(value);
        _bytes.Write(Encoding.ASCII.GetBytes(key));
        if (text.AsSpan().Contains((byte)'\n'))
        {
            _bytes.Write("\n"u8);
            BinaryPrimitives.WriteUInt64LittleEndian(_bytes.GetSpan(8), (ulong)text.Length);
            _bytes.Advance(8);
        }
        else
        {
            _bytes.Write("="u8);
        }

        _bytes.Write(text);
        _bytes.Write("\n"u8);
        return this;
    }

    /// <summary>
    /// Our own fields begin with FLUX_, because the journal's (PID, UNIT, …) must stay the journal's. It takes A-Z, 0-9
    /// and _ in names of at most 64 characters.
    /// </summary>
    public static string FieldName(string property)
    {
        const int NameCharsMax = 64;
        var name = new StringBuilder("FLUX_");
        for (var i = 0; i < property.Length && name.Length < NameCharsMax; i++)
        {
            var character = property[i];
            if (i > 0 && char.IsAsciiLetterUpper(character) && char.IsAsciiLetterLower(property[i - 1]))
            {
                name.Append('_');
            }

            name.Append(char.IsAsciiLetterOrDigit(character) ? char.ToUpperInvariant(character) : '_');
        }

        return name.Length > NameCharsMax ? name.ToString(0, NameCharsMax) : name.ToString();
    }
}
