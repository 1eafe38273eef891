using System.Net;
using Fluxd.Core.Net;
using Xunit;

namespace Fluxd.Tests.Core;

public sealed class NetworkLocalityTests
{
    [Theory]
    [InlineData("127.0.0.1", true)]
    [InlineData("::1", true)]
    [InlineData("10.1.2.3", true)]
    [InlineData("172.31.0.1", true)]
    [InlineData("172.32.0.1", false)]
    [InlineData("192.168.7.7", true)]
    [InlineData("::ffff:192.168.7.7", true)]
    [InlineData("::ffff:8.8.8.8", false)]
    [InlineData("169.254.1.1", true)]
    [InlineData("fe80::1", true)]
    [InlineData("fd00::1", true)]
    [InlineData("2001:db8::1", false)]
    [InlineData("198.51.100.9", true)]
    [InlineData("198.51.101.9", false)]
    public void Local_means_private_or_in_an_own_subnet(string address, bool local) =>
        Assert.Equal(local, new NetworkLocality([IPNetwork.Parse("198.51.100.0/24")]).IsLocal(IPAddress.Parse(address)));
}
