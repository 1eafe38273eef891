using System.Diagnostics;
using System.Globalization;
using Fluxd.Core;
using Xunit;

namespace Fluxd.Tests.Core;

public sealed class DiskSpaceTests
{
    /// <summary>Others write to the same disk meanwhile.</summary>
    private const long Slack = 256 << 20;

    [Theory]
    [InlineData("/")]
    [InlineData("/dev/shm")]
    public void Room_is_counted_as_df_counts_it(string path)
    {
        using var df = Process.Start(new ProcessStartInfo("df", ["--block-size=1", "--output=used,avail,pcent", path]) { RedirectStandardOutput = true })!;
        var counted = df.StandardOutput.ReadToEnd().Split('\n')[1].Split([' ', '%'], StringSplitOptions.RemoveEmptyEntries)
            .Select(number => long.Parse(number, CultureInfo.InvariantCulture)).ToArray();

        var space = DiskSpace.Of(path);

        Assert.InRange(space.Total - counted[0] - counted[1], -Slack, Slack);
        Assert.InRange(space.PercentUsed, counted[2] - 1, counted[2] + 1);
    }

    [Theory]
    [InlineData(100, 100, 0)]
    [InlineData(21, 100, 79)]
    [InlineData(0, 100, 100)]
    [InlineData(1, 1000, 100)]
    [InlineData(0, 0, 0)]
    public void A_part_of_a_percent_counts_as_one(long free, long total, int used) =>
        Assert.Equal(used, new DiskSpace(free, total).PercentUsed);
}
