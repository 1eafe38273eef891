using System.Globalization;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Fluxd.EndToEnd.House;
using Xunit;

namespace Fluxd.EndToEnd.Http;

/// <summary>Size is no reason for memory.</summary>
[Trait("Category", "Long")]
[Trait("Category", "Peers")]
public sealed partial class HugeFileTests
{
    private const long Gigabyte = 1_000_000_000;
    private const long RoomForChance = 100 << 20;

    [Fact(Timeout = 3_000_000)]
    public async Task Twenty_gigabytes_go_up_and_come_back_in_the_memory_of_one()
    {
        var port = Tool.FreePort();
        await using var daemon = DaemonProcess.Start("--set", $"http.listen=127.0.0.1:{port}");
        await daemon.ReadyAsync();
        var url = $"http://127.0.0.1:{port}/v1/files/";

        await RoundTripAsync(daemon, url + "small", Gigabyte);
        var few = PeakOf(daemon);
        await RoundTripAsync(daemon, url + "huge", 20 * Gigabyte);
        var many = PeakOf(daemon);

        Assert.True(many < few + RoomForChance, $"peak after 1 GB: {few >> 20} MiB, after 20 GB: {many >> 20} MiB");
    }

    /// <summary>A sparse file with islands of random bytes, up by PUT, and back byte for byte.</summary>
    private static async Task RoundTripAsync(DaemonProcess daemon, string url, long size)
    {
        var local = Path.Combine(daemon.Folder.FullName, "sparse");
        await using (var file = File.Create(local))
        {
            file.SetLength(size);
            for (var at = 0L; at < size; at += size / 100)
            {
                file.Position = at;
                await file.WriteAsync(RandomNumberGenerator.GetBytes(100_000));
            }
        }

        var user = "admin:" + daemon.Password;
        await Shell("curl -sS --fail -u \"$0\" -T \"$1\" \"$2\"", user, local, url);
        await Shell("set -o pipefail; curl -sS --fail -u \"$0\" \"$2\" | cmp - \"$1\"", user, local, url);
        File.Delete(local);
    }

    private static async Task Shell(string script, params string[] arguments)
    {
        using var process = Tool.Start("bash", ["-c", script, .. arguments]);
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{script} ended with {process.ExitCode}: {await output}{await errors}");
    }

    private static long PeakOf(DaemonProcess daemon) =>
        long.Parse(PeakPattern().Match(File.ReadAllText($"/proc/{daemon.Id}/status")).Groups[1].Value, CultureInfo.InvariantCulture) << 10;

    [GeneratedRegex(@"VmHWM:\s+(\d+) kB")]
    private static partial Regex PeakPattern();
}
