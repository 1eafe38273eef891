using System.Diagnostics;
using Fluxd.Core;
using Fluxd.Daemon.Hosting;
using Fluxd.Testing;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Fluxd.Tests.Daemon.Hosting;

public sealed class HostLoggersTests
{
    [Fact]
    public void A_request_gets_its_trace_while_spans_are_collected()
    {
        using var collecting = new ActivityListener { ShouldListenTo = source => source.Name == FluxTelemetry.Name };
        ActivitySource.AddActivityListener(collecting);

        Assert.True(new HostLoggers(new MemoryLog()).CreateLogger("Microsoft.AspNetCore.Hosting.Diagnostics").IsEnabled(LogLevel.Critical));
    }
}
