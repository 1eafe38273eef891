using System.Buffers.Binary;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Fluxd.Daemon.Hosting;
using Microsoft.Win32.SafeHandles;
using Serilog;
using Xunit;

namespace Fluxd.Tests.Daemon.Hosting;

public sealed partial class JournalTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("fluxd-journal-");
    private readonly Socket _journald = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);

    public JournalTests()
    {
        _journald.Bind(new UnixDomainSocketEndPoint(Address));
        _journald.ReceiveTimeout = 10_000;
    }

    private string Address => Path.Combine(_folder.FullName, "socket");

    public void Dispose()
    {
        _journald.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public void An_entry_carries_message_priority_and_our_own_fields()
    {
        using var journal = new JournalSocket(Address);
        using var logger = new LoggerConfiguration().WriteTo.Sink(new JournalSink(journal, TextWriter.Null)).CreateLogger();

        logger.Warning("{Frontend} refused {Count}", "sftp", 3);

        var fields = Parse(Receive());
        Assert.Equal("sftp refused 3", fields["MESSAGE"]);
        Assert.Equal("4", fields["PRIORITY"]);
        Assert.Equal("fluxd", fields["SYSLOG_IDENTIFIER"]);
        Assert.Equal("sftp", fields["FLUX_FRONTEND"]);
        Assert.Equal("3", fields["FLUX_COUNT"]);
    }

    [Fact]
    public void A_value_with_line_ends_can_not_forge_a_field()
    {
        using var journal = new JournalSocket(Address);

        Assert.True(journal.TrySend(new JournalEntry().Add("MESSAGE", "first\nPRIORITY=0").Add("PRIORITY", "6").Bytes));

        var fields = Parse(Receive());
        Assert.Equal("first\nPRIORITY=0", fields["MESSAGE"]);
        Assert.Equal("6", fields["PRIORITY"]);
    }

    [Fact]
    public void An_entry_too_large_for_a_datagram_travels_whole_as_a_sealed_file()
    {
        using var journal = new JournalSocket(Address);
        var message = new string('x', 3_000_000);

        Assert.True(journal.TrySend(new JournalEntry().Add("MESSAGE", message).Bytes));

        using var file = ReceiveFile();
        var bytes = new byte[RandomAccess.GetLength(file)];
        RandomAccess.Read(file, bytes, 0);
        Assert.Equal(message, Parse(bytes)["MESSAGE"]);
        Assert.Throws<UnauthorizedAccessException>(() => RandomAccess.Write(file, "!"u8, 0));
    }

    [Fact]
    public void A_journal_that_went_away_is_reported_and_does_not_break_the_daemon()
    {
        using var journal = new JournalSocket(Address);
        _journald.Dispose();
        var fallback = new StringWriter();
        using var logger = new LoggerConfiguration().WriteTo.Sink(new JournalSink(journal, fallback)).CreateLogger();

        logger.Error("still heard");

        Assert.Equal("<3>still heard", fallback.ToString().Trim());
    }

    [Theory]
    [InlineData("DurationMs", "FLUX_DURATION_MS")]
    [InlineData("PID", "FLUX_PID")]
    [InlineData("a.b-c", "FLUX_A_B_C")]
    public void Names_become_what_the_journal_takes(string property, string field) => Assert.Equal(field, JournalEntry.FieldName(property));

    [Fact]
    public void Every_line_gets_its_priority_where_there_is_no_journal()
    {
        var output = new StringWriter();
        using var logger = new LoggerConfiguration().WriteTo.Sink(new PrefixSink(output)).CreateLogger();

        logger.Error("one\ntwo");

        Assert.Equal("<3>one\n<3>two", output.ToString().Trim());
    }

    [Fact]
    public void A_JSON_line_has_the_agreed_keys()
    {
        var output = new StringWriter();
        using var logger = new LoggerConfiguration().WriteTo.Sink(new JsonSink(output)).CreateLogger();

        logger.Information("{Method} {Path} {Status} {DurationMs}", "GET", "/v1", 200, 1.5);

        using var line = JsonDocument.Parse(output.ToString());
        Assert.Equal("info", line.RootElement.GetProperty("level").GetString());
        Assert.Equal("GET", line.RootElement.GetProperty("method").GetString());
        Assert.Equal("/v1", line.RootElement.GetProperty("path").GetString());
        Assert.Equal(200, line.RootElement.GetProperty("status").GetInt32());
        Assert.Equal(1.5, line.RootElement.GetProperty("duration_ms").GetDouble());
        Assert.True(line.RootElement.TryGetProperty("timestamp", out _));
    }

    private byte[] Receive()
    {
        var buffer = new byte[65536];
        return buffer[.._journald.Receive(buffer)];
    }

    private static Dictionary<string, string> Parse(ReadOnlySpan<byte> entry)
    {
        var fields = new Dictionary<string, string>();
        while (entry.Length > 0)
        {
            var end = entry.IndexOf((byte)'\n');
            var equals = entry[..end].IndexOf((byte)'=');
            if (equals >= 0)
            {
                fields.Add(Encoding.UTF8.GetString(entry[..equals]), Encoding.UTF8.GetString(entry[(equals + 1)..end]));
                entry = entry[(end + 1)..];
                continue;
            }

            var length = (int)BinaryPrimitives.ReadUInt64LittleEndian(entry[(end + 1)..]);
            fields.Add(Encoding.UTF8.GetString(entry[..end]), Encoding.UTF8.GetString(entry.Slice(end + 9, length)));
            entry = entry[(end + 9 + length + 1)..];
        }

        return fields;
    }

    private unsafe SafeFileHandle ReceiveFile()
    {
        var control = stackalloc long[3];
        var message = stackalloc nint[7];
        new Span<nint>(message, 7).Clear();
        message[4] = (nint)control;
        message[5] = 24;
        Assert.True(ReceiveMessage((int)_journald.Handle, message, 0) >= 0);
        return new SafeFileHandle(((int*)control)[4], ownsHandle: true);
    }

    [LibraryImport("libc", EntryPoint = "recvmsg", SetLastError = true)]
    private static unsafe partial nint ReceiveMessage(int socket, nint* message, int flags);
}
