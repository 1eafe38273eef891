using Fluxd.LoadTests.House;
using Xunit;

namespace Fluxd.Tests.LoadTests;

public sealed class LedgerTests
{
    private readonly Ledger _ledger = new();

    [Theory]
    [InlineData("new", 0)]
    [InlineData("old", 1)]
    [InlineData("other", 1)]
    [InlineData(null, 1)]
    public void What_was_acknowledged_last_must_be_there_and_nothing_else(string? found, int losses)
    {
        Write("old");
        Write("new");
        _ledger.Check("HTTP", "/a", found);
        Assert.Equal(losses, _ledger.Losses.Count);
    }

    [Theory]
    [InlineData("old", 0)]
    [InlineData("new", 0)]
    [InlineData("half", 1)]
    [InlineData(null, 1)]
    public void What_was_not_answered_may_be_the_old_or_the_new_whole(string? found, int losses)
    {
        Write("old");
        _ledger.Begin("/a", "new");
        _ledger.Check("HTTP", "/a", found);
        Assert.Equal(losses, _ledger.Losses.Count);
    }

    [Fact]
    public void A_deleted_file_that_comes_back_is_a_fault()
    {
        Write("old");
        _ledger.Begin("/a", null);
        _ledger.Acknowledge("/a");
        _ledger.Check("SFTP", "/a", null);
        Assert.Empty(_ledger.Losses);
        _ledger.Check("SFTP", "/a", "old");
        Assert.Single(_ledger.Losses);
    }

    private void Write(string hash)
    {
        _ledger.Begin("/a", hash);
        _ledger.Acknowledge("/a");
    }
}
