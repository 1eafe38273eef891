using Fluxd.Core;
using Microsoft.Extensions.Logging;

namespace Fluxd.Daemon.Hosting;

/// <summary>
/// The loggers of a web server. Its host makes an activity and a scope for each request as long as its own log of requests
/// is on, which nobody here reads: half a microsecond and ten objects for each. It is on only while somebody collects
/// spans, which then get the client's trace as their parent. Does not own the inner factory.
/// </summary>
internal sealed class HostLoggers(ILoggerFactory inner) : ILoggerFactory
{
    private const string OfRequests = "Microsoft.AspNetCore.Hosting.Diagnostics";

    public ILogger CreateLogger(string categoryName) =>
        categoryName == OfRequests ? new WhileTraced(inner.CreateLogger(categoryName)) : inner.CreateLogger(categoryName);

    public void AddProvider(ILoggerProvider provider) => inner.AddProvider(provider);

    public void Dispose()
    {
    }

    private sealed class WhileTraced(ILogger inner) : ILogger
    {
        public bool IsEnabled(LogLevel logLevel) => FluxTelemetry.Activities.HasListeners() && inner.IsEnabled(logLevel);

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => inner.BeginScope(state);

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            inner.Log(logLevel, eventId, state, exception, formatter);
    }
}
