using System.Net;

namespace Fluxd.Core.Net;

/// <summary>
/// The one function that decides what "local" means: loopback, link-local, RFC 1918, unique local addresses, or a
/// subnet of one of this machine's own interfaces. A forwarded request is never local; its caller knows that.
/// </summary>
public sealed class NetworkLocality
{
    private readonly IPNetwork[] _own;

    public NetworkLocality(IEnumerable<IPNetwork> own) => _own = [.. own];

    private static readonly IPNetwork[] Private =
    [
        IPNetwork.Parse("127.0.0.0/8"), IPNetwork.Parse("10.0.0.0/8"), IPNetwork.Parse("172.16.0.0/12"),
        IPNetwork.Parse("192.168.0.0/16"), IPNetwork.Parse("169.254.0.0/16"),
        IPNetwork.Parse("::1/128"), IPNetwork.Parse("fe80::/10"), IPNetwork.Parse("fc00::/7"),
    ];

    public bool IsLocal(IPAddress address)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return Array.Exists(Private, network => network.Contains(plain)) || Array.Exists(_own, network => network.Contains(plain));
    }
}
