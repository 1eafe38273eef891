using System.Text;

namespace Fluxctl;

/// <summary>Passwords come from a prompt or from standard input, never from an argument: arguments are seen by all in ps.</summary>
internal static class Passwords
{
    private const int BytesMax = 64 * 1024;

    public static async Task<string> FromStandardInputAsync(CancellationToken ct)
    {
        await using var input = Console.OpenStandardInput();
        var buffer = new byte[BytesMax];
        var length = await input.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, ct);
        var text = buffer.AsSpan(0, length);
        text = text.EndsWith("\n"u8) ? text[..^1] : text;
        text = text.EndsWith("\r"u8) ? text[..^1] : text;
        if (text.IsEmpty)
        {
            throw CommandFailure.Usage("No password came on standard input.");
        }

        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(text);
        }
        catch (DecoderFallbackException)
        {
            throw CommandFailure.Usage("The password on standard input is not UTF-8.");
        }
    }

    public static string FromPrompt(string user)
    {
        if (Console.IsInputRedirected)
        {
            throw CommandFailure.Usage("There is no terminal to ask for a password; send it with --password-stdin.");
        }

        var first = Ask($"New password for {user}: ");
        return Ask("Again: ") == first ? first : throw CommandFailure.Usage("The two passwords differ; nothing was changed.");
    }

    private static string Ask(string prompt)
    {
        Console.Error.Write(prompt);
        var text = new StringBuilder();
        while (true)
        {
            var key = Console.ReadKey(intercept: true);
            switch (key.Key)
            {
                case ConsoleKey.Enter:
                    Console.Error.WriteLine();
                    return text.ToString();
                case ConsoleKey.Backspace:
                    text.Length -= Math.Min(1, text.Length);
                    break;
                default:
                    _ = key.KeyChar == '\0' ? text : text.Append(key.KeyChar);
                    break;
            }
        }
    }
}
