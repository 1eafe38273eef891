using System.Globalization;
using System.Net;

namespace Fluxd.Core.Admin;

/// <summary>What stands behind an endpoint as <see cref="Frontends.IFrontend.Endpoints"/> writes it: <c>http://127.0.0.1:8080</c>, <c>udp [::]:8443</c>, <c>0.0.0.0:2022</c>.</summary>
/// <param name="Protocol">"tcp" or "udp".</param>
public sealed record Listening(string Protocol, IPAddress Address, int Port)
{
    public bool IsLoopback => IPAddress.IsLoopback(Address);

    /// <summary>Null for what has no port (a Unix socket).</summary>
    public static Listening? Parse(string endpoint)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        var isUdp = endpoint.StartsWith("udp ", StringComparison.Ordinal);
        var place = isUdp ? endpoint[4..] : endpoint[(endpoint.IndexOf("://", StringComparison.Ordinal) is >= 0 and var at ? at + 3 : 0)..];
        var colon = place.LastIndexOf(':');
        if (colon <= 0 || !int.TryParse(place.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port))
        {
            return null;
        }

        var host = place[..colon].Trim('[', ']');
        var address = host == "localhost" ? IPAddress.Loopback : IPAddress.TryParse(host, out var parsed) ? parsed : null;
        return address is null ? null : new Listening(isUdp ? "udp" : "tcp", address, port);
    }
}
