using Fluxctl.Client;
using Fluxd.Testing;
using Xunit;

namespace Fluxd.Tests.Fluxctl;

public sealed class BlockedNetworksTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("fluxd-test-");
    private readonly ManualTime _time = new();

    private BlockedNetworks Networks => new(_folder.FullName, _time);

    private string File => Assert.Single(_folder.GetFiles()).FullName;

    [Fact]
    public void A_server_without_an_answer_over_UDP_is_remembered_for_an_hour_and_no_other()
    {
        Assert.Null(Networks.Until("files.example:8443"));
        Networks.Remember("files.example:8443");

        Assert.Equal(_time.GetUtcNow() + TimeSpan.FromHours(1), Networks.Until("files.example:8443"));
        Assert.Null(Networks.Until("files.example:9443"));
        _time.Advance(TimeSpan.FromHours(1));
        Assert.Null(Networks.Until("files.example:8443"));
    }

    [Fact]
    public void It_is_forgotten_once_QUIC_gets_through()
    {
        Networks.Remember("a:1");
        Networks.Remember("b:1");
        Networks.Forget("a:1");

        Assert.Null(Networks.Until("a:1"));
        Assert.NotNull(Networks.Until("b:1"));
    }

    [Fact]
    public void Neither_a_broken_file_nor_a_clock_that_went_back_keeps_anybody_from_QUIC()
    {
        Networks.Remember("a:1");
        _time.SetUtcNow(_time.GetUtcNow() - TimeSpan.FromDays(3));
        Assert.Null(Networks.Until("a:1"));

        System.IO.File.WriteAllText(File, "{ no JSON");
        Assert.Null(Networks.Until("a:1"));
        Networks.Remember("a:1");
        Assert.NotNull(Networks.Until("a:1"));
    }

    [Fact]
    public void Names_of_networks_and_servers_are_not_kept_in_the_clear()
    {
        Networks.Remember("files.example:8443");

        Assert.DoesNotContain("example", System.IO.File.ReadAllText(File), StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Delete(recursive: true);
}
