using Fluxd.Daemon.Config;
using Microsoft.Extensions.Logging;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using Serilog.Extensions.Logging;

namespace Fluxd.Daemon.Hosting;

/// <summary>Serilog behind Microsoft.Extensions.Logging. The level follows a reload; the format is for the process's life.</summary>
internal sealed class Logging : IDisposable
{
    private readonly LoggingLevelSwitch _level = new();
    private readonly JournalSocket? _journal;

    public Logging(LogConfig config, IReadOnlyDictionary<string, string> environment)
    {
        SetLevel(config);
        var format = config.Format == "auto" ? Guess(environment) : config.Format;
        if (format == "journal" && File.Exists(JournalSocket.SystemPath))
        {
            _journal = new JournalSocket(JournalSocket.SystemPath);
        }

        ILogEventSink sink = (format, _journal) switch
        {
            (_, { } journal) => new JournalSink(journal, Console.Error),
            ("json", _) => new JsonSink(Console.Out),
            ("plain", _) => new PlainSink(Console.Error),
            _ => new PrefixSink(Console.Error),
        };
        var logger = new LoggerConfiguration()
            .MinimumLevel.ControlledBy(_level)
            // Kestrel's and the host's own chatter belongs to whoever asks for debug.
            .MinimumLevel.Override("Microsoft", LogEventLevel.Warning)
            // A bind that fails is told in one plain sentence, not in the host's stack.
            .MinimumLevel.Override("Microsoft.Extensions.Hosting", LogEventLevel.Fatal)
            .Enrich.FromLogContext()
            .Enrich.With(new OwnFieldsOnly())
            .WriteTo.Sink(sink)
            .CreateLogger();
        Factory = new SerilogLoggerFactory(logger, dispose: true);
    }

    public ILoggerFactory Factory { get; }

    public void SetLevel(LogConfig config) => _level.MinimumLevel = config.Level switch
    {
        "trace" => LogEventLevel.Verbose,
        "debug" => LogEventLevel.Debug,
        "warn" => LogEventLevel.Warning,
        "error" => LogEventLevel.Error,
        _ => LogEventLevel.Information,
    };

    public void Dispose()
    {
        Factory.Dispose();
        _journal?.Dispose();
    }

    /// <summary>JOURNAL_STREAM names the device and inode that stderr had when systemd started us: only then it still is the journal.</summary>
    private static string Guess(IReadOnlyDictionary<string, string> environment) =>
        environment.ContainsKey("JOURNAL_STREAM") ? "journal"
        : !Console.IsErrorRedirected ? "plain"
        : "text";
}
