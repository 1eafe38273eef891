using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Fluxd.Core.Net;

namespace Fluxd.Transports.Net;

/// <summary>What this machine's own interfaces add to <see cref="NetworkLocality"/>.</summary>
public static class OwnSubnets
{
    /// <summary>Reads the interfaces once; make a new one when they change (reload).</summary>
    public static NetworkLocality Read()
    {
        var own = new List<IPNetwork>();
        foreach (var address in NetworkInterface.GetAllNetworkInterfaces().SelectMany(i => i.GetIPProperties().UnicastAddresses))
        {
            if (address.PrefixLength > 0 && address.Address.AddressFamily is AddressFamily.InterNetwork or AddressFamily.InterNetworkV6)
            {
                own.Add(Subnet(address.Address, address.PrefixLength));
            }
        }

        return new NetworkLocality(own);
    }

    private static IPNetwork Subnet(IPAddress address, int prefixLength)
    {
        var bytes = address.GetAddressBytes();
        for (var bit = prefixLength; bit < bytes.Length * 8; bit++)
        {
            bytes[bit / 8] &= (byte)~(0x80 >> (bit % 8));
        }

        return new IPNetwork(new IPAddress(bytes), prefixLength);
    }
}
