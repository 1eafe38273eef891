using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using Fluxd.Core;
using Fluxd.Core.Files;

namespace Fluxd.Transports.Sftp.Commands;

/// <summary>A line of the scp protocol: <c>C0644 12 name</c>, <c>D0755 0 name</c>, <c>E</c>, <c>T1 0 2 0</c>, or the peer's complaint.</summary>
internal abstract record ScpLine
{
    private const int ModeDigitsMax = 4;

    internal sealed record Entry(bool IsFolder, int Mode, long Size, FileName Name) : ScpLine;

    internal sealed record Times(FileTime ModifiedAt, FileTime AccessedAt) : ScpLine;

    internal sealed record Up : ScpLine;

    internal sealed record Complaint(bool IsFatal, string Text) : ScpLine;

    /// <summary>Pure. The line comes without its newline.</summary>
    public static ScpLine Parse(ReadOnlySpan<byte> line) => line switch
    {
        [(byte)'C', ..] => ParseEntry(line[1..], isFolder: false),
        [(byte)'D', ..] => ParseEntry(line[1..], isFolder: true),
        [(byte)'T', ..] => ParseTimes(line[1..]),
        [(byte)'E'] => new Up(),
        [1 or 2, ..] => new Complaint(line[0] == 2, Encoding.UTF8.GetString(line[1..])),
        _ => throw FluxException.Invalid("scp: the client sent a line that is none of the protocol."),
    };

    private static Entry ParseEntry(ReadOnlySpan<byte> line, bool isFolder)
    {
        var first = line.IndexOf((byte)' ');
        var second = first < 0 ? -1 : line[(first + 1)..].IndexOf((byte)' ') + first + 1;
        if (first is < 1 or > ModeDigitsMax || second <= first + 1)
        {
            throw FluxException.Invalid("scp: a file's line must hold mode, size and name.");
        }

        var mode = 0;
        foreach (var digit in line[..first])
        {
            mode = digit is >= (byte)'0' and <= (byte)'7' ? (mode * 8) + (digit - '0') : throw FluxException.Invalid("scp: the mode must be octal.");
        }

        return long.TryParse(line[(first + 1)..second], NumberStyles.None, CultureInfo.InvariantCulture, out var size)
            ? new Entry(isFolder, mode, size, FileName.From(line[(second + 1)..]))
            : throw FluxException.Invalid("scp: the size must be a number.");
    }

    private static Times ParseTimes(ReadOnlySpan<byte> line)
    {
        var parts = Encoding.ASCII.GetString(line).Split(' ');
        return parts.Length == 4
            && long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var modified)
            && long.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out var accessed)
            && modified <= uint.MaxValue && accessed <= uint.MaxValue
            ? new Times(FileTime.FromSeconds(modified), FileTime.FromSeconds(accessed))
            : throw FluxException.Invalid("scp: the line of times must hold four numbers.");
    }
}

/// <summary>The two directions of the old scp protocol over a channel.</summary>
internal sealed class ScpWire(IDuplexPipe io)
{
    private const int LineBytesMax = Limits.PathBytesMax + 64;

    public async Task AcceptAsync(CancellationToken ct) => await io.Output.WriteAsync((byte[])[0], ct);

    public async Task ComplainAsync(string text, CancellationToken ct) =>
        await io.Output.WriteAsync((byte[])[1, .. Encoding.UTF8.GetBytes("scp: " + text.ReplaceLineEndings(" ")), (byte)'\n'], ct);

    public async Task SendAsync(ReadOnlyMemory<byte> bytes, CancellationToken ct) => await io.Output.WriteAsync(bytes, ct);

    public PipeWriter Output => io.Output;

    /// <summary>Null at the end of the input.</summary>
    public async Task<ScpLine?> ReadLineAsync(CancellationToken ct)
    {
        while (true)
        {
            var read = await io.Input.ReadAsync(ct);
            if (read.Buffer.PositionOf((byte)'\n') is { } end)
            {
                var line = ScpLine.Parse(read.Buffer.Slice(0, end).ToArray());
                io.Input.AdvanceTo(read.Buffer.GetPosition(1, end));
                return line;
            }

            if (read.Buffer.Length > LineBytesMax)
            {
                throw FluxException.Invalid("scp: a line is too long.");
            }

            io.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            if (read.IsCompleted)
            {
                return null;
            }
        }
    }

    /// <summary>The peer's answer: one NUL, or a complaint up to its newline. Null when it is content.</summary>
    public async Task<string?> ReadAnswerAsync(CancellationToken ct)
    {
        var read = await io.Input.ReadAtLeastAsync(1, ct);
        if (read.Buffer.IsEmpty)
        {
            throw new FluxException(FluxError.Invalid, "scp: the client went away.");
        }

        if (read.Buffer.FirstSpan[0] == 0)
        {
            io.Input.AdvanceTo(read.Buffer.GetPosition(1));
            return null;
        }

        io.Input.AdvanceTo(read.Buffer.Start);
        return await ReadLineAsync(ct) is ScpLine.Complaint complaint ? complaint.Text : "the client sent no answer";
    }

    /// <summary>Hands over exactly <paramref name="count"/> bytes in the channel's own buffers.</summary>
    public async Task ReceiveAsync(long count, Func<ReadOnlyMemory<byte>, ValueTask> take, CancellationToken ct)
    {
        while (count > 0)
        {
            var read = await io.Input.ReadAsync(ct);
            var part = read.Buffer.Slice(0, Math.Min(count, read.Buffer.Length));
            foreach (var memory in part)
            {
                await take(memory);
            }

            count -= part.Length;
            io.Input.AdvanceTo(part.End);
            if (read.IsCompleted && count > 0)
            {
                throw new EndOfStreamException();
            }
        }
    }
}
