using System.Security.Cryptography;
using Fluxd.EndToEnd.House;
using Fluxd.EndToEnd.Http;
using Fluxd.Testing.Quic;
using Xunit;

namespace Fluxd.EndToEnd.Quic;

/// <summary>HTTP/3 of the real daemon: announced on TCP, spoken by other people's client.</summary>
public sealed class DaemonHttp3Tests
{
    [QuicFact(Timeout = 180_000)]
    public async Task Tcp_announces_http3_and_libcurl_reads_a_stored_file_there()
    {
        await using var served = await ServedDaemon.StartAsync();
        var bytes = await served.MakeFileAsync("a.bin", 5_000_001);
        await served.Ctl.LoginAsync(served.Url, served.Daemon.Password);
        await served.Ctl.RunAsync("put", served.Local("a.bin"));

        var (_, headers, _) = await Tool.RunAsync("curl", "-skI", served.Url + "/health");
        Assert.Contains($"alt-svc: h3=\":{served.Port}\"; ma=", headers, StringComparison.OrdinalIgnoreCase);
        var (_, plain, _) = await Tool.RunAsync("curl", "-sI", served.Daemon.Url + "/health");
        Assert.DoesNotContain("alt-svc", plain, StringComparison.OrdinalIgnoreCase);

        var url = $"https://admin:{Uri.EscapeDataString(served.Daemon.Password)}@127.0.0.1:{served.Port}/v1/files/a.bin";
        var (_, text, errors) = await Tool.RunAsync("python3", Path.Combine(AppContext.BaseDirectory, "Quic", "h3curl.py"), url);
        Assert.Equal($"0 30 200 {bytes.Length} {Convert.ToHexStringLower(SHA256.HashData(bytes))}{errors}", text.Trim());
    }
}
