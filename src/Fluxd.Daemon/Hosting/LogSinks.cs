using System.Globalization;
using System.Text.Json;
using Serilog.Core;
using Serilog.Events;
using Serilog.Parsing;

namespace Fluxd.Daemon.Hosting;

/// <summary>The three places where log events go; each writes an event whole or not at all.</summary>
internal static class LogSinks
{
    /// <summary>syslog's numbers, which the journal and the &lt;N&gt; prefix share.</summary>
    public static int Priority(LogEventLevel level) => level switch
    {
        LogEventLevel.Fatal => 2,
        LogEventLevel.Error => 3,
        LogEventLevel.Warning => 4,
        LogEventLevel.Information => 6,
        _ => 7,
    };

    public static string Text(LogEventPropertyValue value) =>
        value is ScalarValue scalar
            ? scalar.Value is IFormattable formattable ? formattable.ToString(null, CultureInfo.InvariantCulture) : scalar.Value?.ToString() ?? ""
            : value.ToString(null, CultureInfo.InvariantCulture);

    /// <summary>Without the quotes that Serilog puts around strings: people read this.</summary>
    public static string Plain(LogEvent entry) =>
        string.Concat(entry.MessageTemplate.Tokens.Select(token =>
            token is PropertyToken property && entry.Properties.TryGetValue(property.PropertyName, out var value) ? Text(value) : token.ToString()));

    public static string Message(LogEvent entry)
    {
        var message = Plain(entry);
        return entry.Exception is null ? message : $"{message}\n{entry.Exception}";
    }
}

internal sealed class JournalSink(JournalSocket journal, TextWriter fallback) : ILogEventSink
{
    public void Emit(LogEvent logEvent)
    {
        var entry = new JournalEntry()
            .Add("MESSAGE", LogSinks.Message(logEvent))
            .Add("PRIORITY", LogSinks.Priority(logEvent.Level).ToString(CultureInfo.InvariantCulture))
            .Add("SYSLOG_IDENTIFIER", "fluxd");
        foreach (var (name, value) in logEvent.Properties)
        {
            entry.Add(JournalEntry.FieldName(name), LogSinks.Text(value));
        }

        if (!journal.TrySend(entry.Bytes))
        {
            // systemd keeps stderr too: the event is then without its fields, but not lost.
            fallback.WriteLine($"<{LogSinks.Priority(logEvent.Level)}>{LogSinks.Message(logEvent)}");
        }
    }
}

/// <summary>One line per event with the priority that systemd and other readers of stderr understand.</summary>
internal sealed class PrefixSink(TextWriter output) : ILogEventSink
{
    public void Emit(LogEvent logEvent)
    {
        var prefix = $"<{LogSinks.Priority(logEvent.Level)}>";
        var lines = LogSinks.Message(logEvent).ReplaceLineEndings("\n" + prefix);
        lock (output)
        {
            output.WriteLine(prefix + lines);
        }
    }
}

/// <summary>For a person at a terminal.</summary>
internal sealed class PlainSink(TextWriter output) : ILogEventSink
{
    public void Emit(LogEvent logEvent)
    {
        lock (output)
        {
            output.WriteLine($"{logEvent.Timestamp.ToLocalTime():HH:mm:ss} {logEvent.Level.ToString().ToLowerInvariant(),-11} {LogSinks.Message(logEvent)}");
        }
    }
}

/// <summary>One JSON object per line: timestamp, level, message, then the event's own properties in snake_case (method, path, status, duration_ms, …).</summary>
internal sealed class JsonSink(TextWriter output) : ILogEventSink
{
    public void Emit(LogEvent logEvent)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("timestamp", logEvent.Timestamp.UtcDateTime.ToString("O", CultureInfo.InvariantCulture));
            json.WriteString("level", Level(logEvent.Level));
            json.WriteString("message", LogSinks.Plain(logEvent));
            foreach (var (name, value) in logEvent.Properties)
            {
                WriteProperty(json, JsonNamingPolicy.SnakeCaseLower.ConvertName(name), value);
            }

            if (logEvent.Exception is { } exception)
            {
                json.WriteString("exception", exception.ToString());
            }

            json.WriteEndObject();
        }

        lock (output)
        {
            output.WriteLine(System.Text.Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length));
        }
    }

    private static string Level(LogEventLevel level) => level switch
    {
        LogEventLevel.Verbose or LogEventLevel.Debug => "debug",
        LogEventLevel.Information => "info",
        LogEventLevel.Warning => "warn",
        _ => "error",
    };

    private static void WriteProperty(Utf8JsonWriter json, string name, LogEventPropertyValue value)
    {
        switch ((value as ScalarValue)?.Value)
        {
            case bool flag: json.WriteBoolean(name, flag); break;
            case int number: json.WriteNumber(name, number); break;
            case long number: json.WriteNumber(name, number); break;
            case double number when double.IsFinite(number): json.WriteNumber(name, number); break;
            default: json.WriteString(name, LogSinks.Text(value)); break;
        }
    }
}
