using System.Net;
using System.Net.Sockets;
using Fluxd.Core.Net;
using Fluxd.Transports.Net;
using Xunit;

namespace Fluxd.Tests.Transports.Net;

/// <summary>What the kernel says of a real socket afterwards. Which algorithms there are is the machine's business.</summary>
public sealed class LinkTuningTests
{
    private const int TimeoutMs = 60_000;
    private static readonly IPAddress Near = IPAddress.Parse("192.168.1.7");
    private static readonly IPAddress Far = IPAddress.Parse("203.0.113.5");

    [Theory(Timeout = TimeoutMs)]
    [InlineData(CongestionControl.Auto, true, null)]
    [InlineData(CongestionControl.Auto, false, "bbr")]
    [InlineData(CongestionControl.System, false, null)]
    [InlineData(CongestionControl.Bbr, true, "bbr")]
    [InlineData(CongestionControl.Cubic, false, "cubic")]
    public async Task A_link_gets_the_congestion_control_that_is_wanted_and_possible(CongestionControl setting, bool near, string? wanted)
    {
        if (!OperatingSystem.IsLinux())
        {
            return; // no such option elsewhere; LinkTuning leaves the socket alone
        }

        using var link = await Link.OpenAsync();
        var expected = wanted is not null && IsPossible(link.Client, wanted) ? wanted : Setting("tcp_congestion_control");

        var tuning = new LinkTuning(setting, new NetworkLocality([]));
        var name = tuning.Apply(link.Server, near ? Near : Far);

        Assert.Equal(expected, name);
        Assert.Equal(wanted is null ? [] : [KeyValuePair.Create(expected, 1L)], tuning.Given);
        Assert.True(link.Server.NoDelay);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_link_that_is_gone_is_no_fault()
    {
        using var link = await Link.OpenAsync();
        link.Server.Dispose();

        LinkTuning.QuickAck(link.Server);
    }

    private static string Setting(string name) => File.ReadAllText("/proc/sys/net/ipv4/" + name).Trim();

    /// <summary>The kernel's answer to the same wish on the other end: not every machine has it, and not everybody may choose.</summary>
    private static bool IsPossible(Socket socket, string name)
    {
        try
        {
            socket.SetRawSocketOption(6, 13, System.Text.Encoding.ASCII.GetBytes(name));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private sealed record Link(Socket Client, Socket Server) : IDisposable
    {
        public static async Task<Link> OpenAsync()
        {
            using var listener = new Socket(SocketType.Stream, ProtocolType.Tcp);
            listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            listener.Listen();
            var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
            await client.ConnectAsync(listener.LocalEndPoint!);
            return new Link(client, await listener.AcceptAsync());
        }

        public void Dispose()
        {
            Client.Dispose();
            Server.Dispose();
        }
    }
}
