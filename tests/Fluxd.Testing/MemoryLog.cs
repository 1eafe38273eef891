using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Fluxd.Testing;

/// <summary>Keeps the lines of a log for a test to wait for. Thread-safe.</summary>
public sealed class MemoryLog : ILoggerFactory, ILogger
{
    private readonly Channel<(LogLevel Level, int Id, string Text)> _lines = Channel.CreateBounded<(LogLevel, int, string)>(
        new BoundedChannelOptions(10_000) { FullMode = BoundedChannelFullMode.DropOldest });

    /// <summary>The next line, in the order in which they came.</summary>
    public async Task<(LogLevel Level, int Id, string Text)> NextAsync() => await _lines.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(60));

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider)
    {
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        _lines.Writer.TryWrite((logLevel, eventId.Id, formatter(state, exception)));

    public void Dispose()
    {
    }
}
