using System.Net;
using Fluxd.Transports.Ssh;
using Xunit;

namespace Fluxd.Tests.Transports.Ssh;

public sealed class LoginGateTests
{
    [Fact]
    public void The_oldest_silent_connection_of_a_source_makes_room()
    {
        var gate = new LoginGate(perSource: 3, overall: 100);
        var dropped = new List<int>();
        var here = IPAddress.Parse("192.0.2.1");
        gate.Enter(here, () => true, () => dropped.Add(0));
        gate.Enter(here, () => false, () => dropped.Add(1));
        gate.Enter(here, () => false, () => dropped.Add(2));
        gate.Enter(IPAddress.Parse("192.0.2.2"), () => false, () => dropped.Add(3));
        Assert.Empty(dropped);
        gate.Enter(here, () => false, () => dropped.Add(4));
        Assert.Equal([1], dropped);
    }

    [Fact]
    public void A_login_frees_its_place_once()
    {
        var gate = new LoginGate(perSource: 1, overall: 10);
        var leave = gate.Enter(IPAddress.Loopback, () => false, () => Assert.Fail("It has left."));
        leave();
        leave();
        gate.Enter(IPAddress.Loopback, () => false, () => { });
        Assert.Equal(1, gate.Count);
    }

    [Theory]
    [InlineData("2001:db8::1", "2001:db8::ffff:1", true)]
    [InlineData("2001:db8::1", "2001:db8:0:1::1", false)]
    [InlineData("::ffff:192.0.2.1", "192.0.2.1", true)]
    [InlineData("192.0.2.1", "192.0.2.2", false)]
    public void A_source_is_an_IPv4_address_or_a_64_bit_network(string one, string other, bool same) =>
        Assert.Equal(same, LoginGate.SourceOf(IPAddress.Parse(one)).Equals(LoginGate.SourceOf(IPAddress.Parse(other))));
}
