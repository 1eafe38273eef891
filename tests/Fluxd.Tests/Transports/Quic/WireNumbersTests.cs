using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Feed;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Tests.Architecture;
using Fluxd.Transports.Quic.Protocol;
using Xunit;

namespace Fluxd.Tests.Transports.Quic;

/// <summary>
/// What the specification promises to other people's clients, read from its own text: a number or a field that moves in
/// the code is a break of the protocol, and fails here.
/// </summary>
public sealed partial class WireNumbersTests
{
    private static readonly string s_text = File.ReadAllText(Repository.PathOf("docs", "quic-protocol.md"));

    [Fact]
    public void The_operations_have_the_numbers_of_the_specification()
    {
        var listed = OperationRow().Matches(Section("## Operations"))
            .ToDictionary(row => Joined(row.Groups["name"].Value), row => Number(row.Groups["number"].Value));
        Assert.Contains("Operation 1, once per connection", Section("## Login"), StringComparison.Ordinal);
        listed.Add("authenticate", 1);
        Assert.Equal(Sorted(listed), Sorted(Numbers<FluxdOperation>()));
    }

    [Fact]
    public void The_statuses_have_the_numbers_of_the_specification()
    {
        var section = Section("## Status");
        var listed = StatusCell().Matches(section).ToDictionary(cell => cell.Groups["name"].Value, cell => Number(cell.Groups["number"].Value));
        var sent = Enum.GetValues<FluxError>().Where(error => FluxdErrors.Status(error) != FluxdErrors.Internal)
            .ToDictionary(error => error.ToString(), error => (long)FluxdErrors.Status(error));
        Assert.Equal(Sorted(listed), Sorted(sent));
        Assert.Equal(0, FluxdErrors.Ok);
        Assert.Equal(255, FluxdErrors.Internal);
    }

    [Fact]
    public void The_codes_of_streams_and_connections_are_those_of_the_specification()
    {
        var listed = CodeRow().Matches(Section("## Status")).DistinctBy(row => row.Groups["name"].Value)
            .ToDictionary(row => row.Groups["name"].Value, row => Number(row.Groups["number"].Value));
        var defined = typeof(FluxdCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
            .ToDictionary(field => field.Name, field => (long)field.GetRawConstantValue()!);
        Assert.Equal(Sorted(listed), Sorted(defined));
    }

    [Theory]
    [InlineData("**node**: kind", typeof(NodeKind))]
    [InlineData("**upload**: id raw 16, state", typeof(UploadState))]
    [InlineData("**change**: sequence i64, kind", typeof(ChangeKind))]
    public void The_kinds_in_records_are_those_of_the_specification(string before, Type kind)
    {
        var listed = Listed(Regex.Escape(before) + @" u8 \(");
        var defined = Enum.GetValues(kind).Cast<object>().Select(value => Convert.ToInt64(value, CultureInfo.InvariantCulture)).ToArray();
        Assert.Equal(listed.Values.Order(), defined.Order());
        foreach (var (name, number) in listed)
        {
            // "attributes" is SetAttributes: the specification's word is in the name, or is it.
            Assert.Contains(Joined(name), Enum.GetName(kind, (int)number)!, StringComparison.OrdinalIgnoreCase);
        }
    }

    [Fact]
    public void The_scopes_are_the_bits_of_the_specification() => Assert.Equal(
        Sorted(Listed(@"u32: (?=1 read)")),
        Sorted(Enum.GetValues<Scopes>().Where(scope => long.PopCount((long)scope) == 1).ToDictionary(scope => scope.ToString(), scope => (long)scope)));

    [Fact]
    public void The_limits_are_those_of_the_specification()
    {
        foreach (var (words, limit) in new[]
        {
            ("of everything that follows in this frame; at most {0}", FluxdProtocol.FrameBytesMax),
            ("has at most {0} bytes", FluxdProtocol.AuthenticateBytesMax),
            ("At most {0} chunks in one call", Limits.ChunksPerCallMax),
            ("u32 (at most {0})", FluxdProtocol.TokenSecondsMax),
            ("within {0} seconds", (int)FluxdProtocol.AuthenticationTimeout.TotalSeconds),
            ("A chunk is 1 byte to\n  {0} MiB", FluxdProtocol.ChunkBytesMax >> 20),
            ("| version | 1 | {0} |", FluxdProtocol.Version),
        })
        {
            Assert.Contains(string.Format(CultureInfo.InvariantCulture, words, limit.ToString("N0", CultureInfo.InvariantCulture)), s_text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_node_is_written_as_the_specification_lists_its_fields()
    {
        var node = new NodeInfo
        {
            Kind = NodeKind.Folder,
            Id = 11,
            Name = FileName.From("n"u8),
            Size = 12,
            Version = 13,
            Revision = 14,
            ContentTag = new byte[] { 15 },
            Mode = 16,
            ModifiedAt = new FileTime(17),
            ChangedAt = new FileTime(18),
            OwnerName = "o",
            CanWrite = true,
            IsPartial = true,
        };
        Assert.Equal(
            ["kind 2", "id 11", "name 6E", "size 12", "version 13", "revision 14", "content tag 0F", "mode 16", "modified 17", "changed 18", "owner o", "flags 5"],
            Walk("node", new FrameWriter(0).Node(node)));
        Assert.Equal(["writable", "root of a shared folder", "an unfinished upload"], Listed(@"owner text, flags u8 \(").OrderBy(flag => flag.Value).Select(flag => flag.Key));
    }

    [Fact]
    public void A_change_is_written_as_the_specification_lists_its_fields()
    {
        var change = new Change
        {
            Sequence = 11,
            Kind = ChangeKind.Move,
            Path = FilePath.Parse("/p"),
            From = FilePath.Parse("/f"),
            NodeId = 12,
            NodeKind = NodeKind.File,
            Version = 13,
            Size = 14,
            ContentTag = new byte[] { 15 },
            ModifiedAt = new FileTime(16),
            At = new FileTime(17),
            Author = "a",
        };
        var path = Convert.ToHexString(change.Path.ToBytes());
        var from = Convert.ToHexString(change.From!.ToBytes());
        Assert.Equal(
            ["sequence 11", "kind 3", $"path {path}", $"from {from}", "node id 12", "node kind 1", "version 13", "size 14", "content tag 0F", "modified 16", "time 17", "author a"],
            Walk("change", new FrameWriter(0).Change(change)));
    }

    /// <summary>Reads a record by the specification's list of its fields; nothing may be left over.</summary>
    private static List<string> Walk(string record, FrameWriter frame)
    {
        var listed = Regex.Match(s_text, $@"\*\*{record}\*\*: (?<fields>(?:[^.(]|\([^)]*\))*)\.").Groups["fields"].Value;
        var reader = new FrameReader(frame.Finish().Span[(FluxdProtocol.LengthBytes + 2)..]);
        var read = new List<string>();
        foreach (var field in Remark().Replace(listed, "").Split(',').Select(field => field.Trim()))
        {
            // "id i64", "content tag bytes", and "path" and "time", which are name and type in one or end the name.
            var words = field.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            var name = words.Length == 1 ? words[0] : string.Join(' ', words[..^1]);
            var value = words[^1] switch
            {
                "u8" => $"{reader.U8()}",
                "u32" => $"{reader.U32()}",
                "i64" or "time" => $"{reader.I64()}",
                "bytes" or "path" => Convert.ToHexString(reader.Bytes()),
                "text" => Encoding.UTF8.GetString(reader.Bytes()),
                var other => throw new InvalidOperationException($"The specification names a type \"{other}\"."),
            };
            read.Add($"{name} {value}");
        }

        Assert.True(reader.IsAtEnd, $"The specification lists fewer fields of {record} than are written.");
        return read;
    }

    /// <summary>"1 file, 2 folder" behind what the pattern finds.</summary>
    private static Dictionary<string, long> Listed(string before)
    {
        var list = Regex.Match(s_text, before + @"(?<list>[^)|]*)").Groups["list"].Value;
        return ListItem().Matches(list).ToDictionary(item => item.Groups["name"].Value, item => Number(item.Groups["number"].Value));
    }

    private static string Section(string heading) => s_text.Split("\n## ").Single(section => ("## " + section).StartsWith(heading + "\n", StringComparison.Ordinal));

    private static string Joined(string words) => words.Replace(" ", "", StringComparison.Ordinal).ToLowerInvariant();

    private static Dictionary<string, long> Numbers<T>()
        where T : struct, Enum =>
        Enum.GetValues<T>().ToDictionary(value => value.ToString(), value => Convert.ToInt64(value, CultureInfo.InvariantCulture));

    private static IEnumerable<string> Sorted(Dictionary<string, long> numbers) =>
        numbers.OrderBy(pair => pair.Value).Select(pair => $"{pair.Value} {pair.Key.ToLowerInvariant()}");

    private static long Number(string text) => text.StartsWith("0x", StringComparison.Ordinal)
        ? long.Parse(text.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture)
        : long.Parse(text, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^\| (?<number>\d+) \| (?<name>[a-z ]+) \|", RegexOptions.Multiline)]
    private static partial Regex OperationRow();

    [GeneratedRegex(@"\| (?<number>\d+) (?<name>[A-Z]\w+)(?= \|)")]
    private static partial Regex StatusCell();

    [GeneratedRegex(@"^\| (?<number>(0x)?[0-9a-f]+) \| (?<name>[A-Z]\w+) \|", RegexOptions.Multiline)]
    private static partial Regex CodeRow();

    [GeneratedRegex(@"(?<number>\d+) (?<name>[a-z ]+)")]
    private static partial Regex ListItem();

    [GeneratedRegex(@"\([^)]*\)|\n")]
    private static partial Regex Remark();
}
