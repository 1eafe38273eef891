using Fluxd.EndToEnd.House;
using Xunit;

namespace Fluxd.EndToEnd.Http;

/// <summary>fluxctl's file commands over HTTPS against the real daemon and its store.</summary>
public sealed class FluxctlTests
{
    [Fact(Timeout = 180_000)]
    public async Task Files_go_up_come_back_move_and_vanish_over_https()
    {
        await using var served = await ServedDaemon.StartAsync(quic: false);
        var ctl = served.Ctl;
        Assert.Contains("Signed in as admin", await ctl.LoginAsync(served.Url, served.Daemon.Password), StringComparison.Ordinal);
        var small = await served.MakeFileAsync("small.bin", 70_001);
        var large = await served.MakeFileAsync("large.bin", 9_000_001);

        await ctl.RunAsync("mkdir", "/films/old");
        await ctl.RunAsync("put", served.Local("small.bin"), served.Local("large.bin"), "--to", "/films/");
        Assert.Matches("large.bin(.|\n)*old/(.|\n)*small.bin", await ctl.RunAsync("ls", "/films"));

        await ctl.RunAsync("mv", "/films/large.bin", "/films/old/big.bin");
        await ctl.RunAsync("get", "/films/old/big.bin", served.Local("back.bin"));
        await ctl.RunAsync("get", "/films/small.bin", served.Local("small.back"));
        Assert.Equal(large, await File.ReadAllBytesAsync(served.Local("back.bin")));
        Assert.Equal(small, await File.ReadAllBytesAsync(served.Local("small.back")));

        await ctl.RunAsync("rm", "/films/small.bin");
        await ctl.RunAsync("rm", "-r", "/films/old");
        Assert.Equal("", await ctl.RunAsync("ls", "/films"));
        var (exit, _, errors) = await ctl.TryAsync(null, "get", "/films/small.bin", served.Local("gone"));
        Assert.Equal(1, exit);
        Assert.Contains("There is no \"/films/small.bin\"", errors, StringComparison.Ordinal);
    }

    [Fact(Timeout = 180_000)]
    public async Task A_changed_file_costs_only_its_change_over_https()
    {
        await using var served = await ServedDaemon.StartAsync(quic: false);
        await served.Ctl.LoginAsync(served.Url, served.Daemon.Password);
        var bytes = await served.MakeFileAsync("a.bin", 20_000_000);
        await served.Ctl.RunAsync("put", served.Local("a.bin"));

        bytes[10_000_000] ^= 1;
        await File.WriteAllBytesAsync(served.Local("a.bin"), bytes);
        var sent = System.Text.Json.JsonDocument.Parse((await served.Ctl.RunAsync("put", served.Local("a.bin"), "--json")).Trim().Split('\n')[^1]).RootElement;

        Assert.Equal("sent", sent.GetProperty("event").GetString());
        Assert.InRange(sent.GetProperty("moved").GetInt64(), 1, 4_000_000);
        await served.Ctl.RunAsync("get", "/a.bin", served.Local("back"));
        Assert.Equal(bytes, await File.ReadAllBytesAsync(served.Local("back")));

        bytes[5_000_000] ^= 1;
        await File.WriteAllBytesAsync(served.Local("a.bin"), bytes);
        await served.Ctl.RunAsync("put", served.Local("a.bin"));
        var received = System.Text.Json.JsonDocument.Parse((await served.Ctl.RunAsync("get", "/a.bin", served.Local("back"), "--json")).Trim().Split('\n')[^1]).RootElement;
        Assert.InRange(received.GetProperty("moved").GetInt64(), 1, 4_000_000);
        Assert.Equal(bytes, await File.ReadAllBytesAsync(served.Local("back")));
    }

    [Fact(Timeout = 180_000)]
    public async Task A_tree_is_mirrored_up_and_down_over_https()
    {
        await using var served = await ServedDaemon.StartAsync(quic: false);
        await served.Ctl.LoginAsync(served.Url, served.Daemon.Password);
        var deep = await served.MakeFileAsync("tree/a/b/deep.bin", 1_500_000);
        await served.MakeFileAsync("tree/top.txt", 12);
        await served.MakeFileAsync("tree/empty", 0);

        await served.Ctl.RunAsync("sync", served.Local("tree"), "server:/copy");
        File.Delete(served.Local("tree/top.txt"));
        await served.Ctl.RunAsync("sync", served.Local("tree"), "server:/copy", "--delete");
        await served.Ctl.RunAsync("sync", "server:/copy", served.Local("down"));

        Assert.Equal(deep, await File.ReadAllBytesAsync(served.Local("down/a/b/deep.bin")));
        Assert.Equal(["a", "empty"], new DirectoryInfo(served.Local("down")).EnumerateFileSystemInfos().Select(i => i.Name).Order(StringComparer.Ordinal));
        Assert.Contains("0 files, 0 removals", await served.Ctl.RunAsync("sync", served.Local("tree"), "server:/copy", "--delete"), StringComparison.Ordinal);
    }

    [Fact(Timeout = 120_000)]
    public async Task An_unknown_certificate_is_not_trusted_unless_asked_for()
    {
        await using var served = await ServedDaemon.StartAsync(quic: false);
        var (exit, _, errors) = await served.Ctl.TryAsync(served.Daemon.Password, "login", served.Url, "--user", "admin", "--password-stdin");
        Assert.Equal(3, exit);
        Assert.Contains("--pin", errors, StringComparison.Ordinal);
    }
}
