using System.Buffers;
using System.Text;

namespace Fluxd.Transports.Ssh.Wire;

/// <summary>RFC 4253 (4.2).</summary>
internal static class VersionLine
{
    private const string Prefix = "SSH-2.0-";

    /// <summary>Takes lines from the front of the buffer until the client's version, without its line end; null when it isn't there yet.</summary>
    public static string? TryRead(ref ReadOnlySequence<byte> buffer, ref int linesSkipped)
    {
        while (buffer.PositionOf((byte)'\n') is { } end)
        {
            var line = buffer.Slice(0, end);
            if (line.Length >= SshLimits.VersionLineBytesMax)
            {
                throw Garbage("its first line is too long");
            }

            var text = Encoding.Latin1.GetString(line).TrimEnd('\r');
            buffer = buffer.Slice(buffer.GetPosition(1, end));
            if (text.StartsWith("SSH-", StringComparison.Ordinal))
            {
                return text.StartsWith(Prefix, StringComparison.Ordinal) && text.Length > Prefix.Length && text.All(c => c is >= ' ' and <= '~')
                    ? text
                    : throw new SshProtocolException(DisconnectReason.ProtocolVersionNotSupported, "The client speaks another version of SSH than 2.0.");
            }

            if (++linesSkipped > SshLimits.BannerLinesMax)
            {
                throw Garbage("no version line came");
            }
        }

        return buffer.Length < SshLimits.VersionLineBytesMax ? null : throw Garbage("its first line is too long");
    }

    public static string Software(string versionLine) => versionLine[Prefix.Length..];

    private static SshProtocolException Garbage(string why) =>
        new(DisconnectReason.ProtocolVersionNotSupported, $"The peer is no SSH client: {why}.");
}
