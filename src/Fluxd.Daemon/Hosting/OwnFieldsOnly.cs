using Serilog.Core;
using Serilog.Events;

namespace Fluxd.Daemon.Hosting;

/// <summary>
/// The web server puts every line of a request into a scope with the request's path: a file's name, in lines that are
/// about something else. The request's own line has the path where the administrator wants it. The event's id becomes
/// the number that it is.
/// </summary>
internal sealed class OwnFieldsOnly : ILogEventEnricher
{
    private static readonly string[] s_foreign = ["RequestPath", "RequestId", "ConnectionId", "TransportConnectionId"];

    public void Enrich(LogEvent logEvent, ILogEventPropertyFactory propertyFactory)
    {
        foreach (var name in s_foreign)
        {
            logEvent.RemovePropertyIfPresent(name);
        }

        if (logEvent.Properties.GetValueOrDefault("EventId") is StructureValue { Properties: var parts } && parts.FirstOrDefault(part => part.Name == "Id") is { } id)
        {
            logEvent.AddOrUpdateProperty(new LogEventProperty("EventId", id.Value));
        }
    }
}
