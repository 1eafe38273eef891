using System.Net;
using System.Net.Sockets;
using Fluxd.EndToEnd.House;
using Xunit;

namespace Fluxd.EndToEnd.Http;

/// <summary>What the kernel says of the connections that the daemon accepted.</summary>
[Trait("Category", "Peers")]
public sealed class CongestionTests
{
    [OtherCongestionFact(Timeout = 120_000)]
    public async Task The_algorithm_that_was_set_is_that_of_plain_and_of_tls_connections()
    {
        var (plain, tls) = (Tool.FreePort(), Tool.FreePort());
        await using var daemon = DaemonProcess.Start(
            "--set", $"http.listen=127.0.0.1:{plain}", "--set", $"http.listen_tls=127.0.0.1:{tls}", "--set", "net.congestion=" + OtherCongestionFactAttribute.Other);
        await daemon.ReadyAsync();
        foreach (var port in new[] { plain, tls })
        {
            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, port);

            // The kernel shows the connection before the daemon has taken it: the test's own limit ends the waiting.
            while (!(await Tool.RunAsync("ss", "-tinH", "state", "established", $"( sport = :{port} )")).Output.Contains($" {OtherCongestionFactAttribute.Other} ", StringComparison.Ordinal))
            {
                await Task.Delay(100);
            }
        }
    }
}

/// <summary>Only where the kernel has an algorithm besides its default: else nothing could be seen to be set.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class OtherCongestionFactAttribute : FactAttribute
{
    private const string Settings = "/proc/sys/net/ipv4/tcp_";

    public static readonly string Other = Read("congestion_control") == "bbr" ? "cubic" : "bbr";

    public OtherCongestionFactAttribute() =>
        Skip = Read("allowed_congestion_control").Split(' ').Contains(Other) || Environment.UserName == "root" && Read("available_congestion_control").Split(' ').Contains(Other)
            ? null
            : $"The kernel has no {Other}.";

    private static string Read(string name) => File.Exists(Settings + name) ? File.ReadAllText(Settings + name).Trim() : "";
}
