using System.Globalization;
using System.Net;

namespace Fluxd.Daemon.Config;

/// <summary>One entry of <c>listen</c>: <c>127.0.0.1:2022</c>, <c>[::]:2022</c> (both families), <c>*:2022</c>, <c>localhost:2022</c>.</summary>
internal sealed record ListenAddress(IPAddress Address, int Port)
{
    public const string Expectation = "expected host:port with an address of this machine, \"localhost\" or \"*\", for example \"127.0.0.1:2022\" or \"[::]:2022\"";

    public bool IsLoopback => IPAddress.IsLoopback(Address);

    public IPEndPoint EndPoint => new(Address, Port);

    public static ListenAddress? TryParse(string text)
    {
        var colon = text.LastIndexOf(':');
        if (colon <= 0 || !ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port))
        {
            return null;
        }

        var host = text[..colon];
        var isBracketed = host is ['[', .., ']'];
        var address = host switch
        {
            "*" => IPAddress.IPv6Any,
            "localhost" => IPAddress.Loopback,
            _ => IPAddress.TryParse(isBracketed ? host[1..^1] : host, out var parsed) ? parsed : null,
        };

        // Without brackets the last part of an IPv6 address would be taken for the port.
        return address is null || (host.Contains(':', StringComparison.Ordinal) && !isBracketed) ? null : new ListenAddress(address, port);
    }

    public override string ToString() => EndPoint.ToString();
}
