using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Fluxd.Core.Files;
using Fluxd.Testing.Quic;
using Xunit;

namespace Fluxd.Tests.Transports.Quic;

/// <summary>
/// Answers leave from the address that was asked, or a peer takes them for another's. So a connection to each of a
/// wildcard's addresses is made and used.
/// </summary>
public sealed class ListeningTests
{
    private static bool HasIpv6 { get; } = Socket.OSSupportsIPv6
        && NetworkInterface.GetAllNetworkInterfaces().Any(i => i.GetIPProperties().UnicastAddresses.Any(a => a.Address.Equals(IPAddress.IPv6Loopback)));

    [QuicFact]
    public async Task The_IPv4_wildcard_is_reached_by_each_address()
    {
        await using var server = await QuicServerFixture.Start(listen: new IPEndPoint(IPAddress.Any, 0));
        await UseAsync(server, "127.0.0.1");
        await UseAsync(server, "127.0.0.2");
    }

    [Ipv6QuicFact]
    public async Task The_IPv6_wildcard_is_reached_by_IPv6_and_IPv4()
    {
        await using var server = await QuicServerFixture.Start(listen: new IPEndPoint(IPAddress.IPv6Any, 0));
        await UseAsync(server, "::1");
        await UseAsync(server, "127.0.0.1");
        await UseAsync(server, "127.0.0.3");
    }

    [Ipv6QuicFact]
    public async Task One_IPv6_address_is_reached()
    {
        await using var server = await QuicServerFixture.Start(listen: new IPEndPoint(IPAddress.IPv6Loopback, 0));
        await UseAsync(server, "::1");
    }

    private static async Task UseAsync(QuicServerFixture server, string address)
    {
        await using var client = await server.Connect(through: new IPEndPoint(IPAddress.Parse(address), server.EndPoint.Port));
        Assert.Equal(NodeKind.Folder, (await client.StatAsync(FilePath.Root, followLink: true, CancellationToken.None)).Kind);
        Assert.Equal("anna", (await client.Login).UserName);
    }

    private sealed class Ipv6QuicFactAttribute : QuicFactAttribute
    {
        public Ipv6QuicFactAttribute() => Skip ??= HasIpv6 ? null! : "This machine has no IPv6.";
    }
}
