using System.Net;

namespace Fluxd.Transports.Ssh.Auth;

/// <summary>A comma-separated list of addresses and networks, as in a certificate's source-address.</summary>
internal static class AddressList
{
    public static bool Contains(string list, IPAddress address)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Any(entry => IPNetwork.TryParse(entry, out var network) ? network.Contains(plain) : IPAddress.TryParse(entry, out var one) && one.Equals(plain));
    }
}
