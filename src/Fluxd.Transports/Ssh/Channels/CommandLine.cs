using System.Buffers;

namespace Fluxd.Transports.Ssh.Channels;

/// <summary>
/// Splits an exec command into words as a POSIX shell would: blanks separate, '…' is literal, "…" takes \" \\ \$ \`,
/// a backslash outside takes the next byte. Nothing is expanded or executed. Pure; bytes stay bytes.
/// </summary>
internal static class CommandLine
{
    /// <summary>False when a quote isn't closed or there are too many words.</summary>
    public static bool TrySplit(ReadOnlySpan<byte> line, out IReadOnlyList<ReadOnlyMemory<byte>> words)
    {
        var found = new List<ReadOnlyMemory<byte>>();
        words = found;
        var word = new ArrayBufferWriter<byte>(Math.Max(1, line.Length));
        var inWord = false;
        for (var i = 0; i < line.Length; i++)
        {
            switch (line[i])
            {
                case (byte)' ' or (byte)'\t' or (byte)'\n':
                    End(ref inWord);
                    break;
                case (byte)'\'':
                    inWord = true;
                    var close = line[(i + 1)..].IndexOf((byte)'\'');
                    if (close < 0)
                    {
                        return false;
                    }

                    word.Write(line.Slice(i + 1, close));
                    i += close + 1;
                    break;
                case (byte)'"':
                    inWord = true;
                    if (!TryDoubleQuoted(line, ref i, word))
                    {
                        return false;
                    }

                    break;
                case (byte)'\\':
                    if (++i == line.Length)
                    {
                        return false;
                    }

                    inWord = true;
                    word.Write(line.Slice(i, 1));
                    break;
                default:
                    inWord = true;
                    word.Write(line.Slice(i, 1));
                    break;
            }
        }

        End(ref inWord);
        return found.Count <= SshLimits.CommandWordsMax;

        void End(ref bool open)
        {
            if (open)
            {
                found.Add(word.WrittenSpan.ToArray());
                word.ResetWrittenCount();
                open = false;
            }
        }
    }

    private static bool TryDoubleQuoted(ReadOnlySpan<byte> line, ref int i, ArrayBufferWriter<byte> word)
    {
        for (i++; i < line.Length && line[i] != '"'; i++)
        {
            if (line[i] == '\\' && i + 1 < line.Length && "\"\\$`"u8.Contains(line[i + 1]))
            {
                i++;
            }

            word.Write(line.Slice(i, 1));
        }

        return i < line.Length;
    }
}
