using Xunit;

namespace Fluxd.Tests.Architecture;

/// <summary>
/// The public surface of Core is what every other part builds on, so a change of it shows in review as a change of
/// <c>Core.api.txt</c>. <c>./build.sh api</c> writes that file anew.
/// </summary>
public sealed class CoreApiTests
{
    [Fact]
    public void The_public_surface_of_Core_is_the_one_that_was_reviewed()
    {
        var path = Repository.PathOf("tests", "Fluxd.Tests", "Architecture", "Core.api.txt");
        var now = ApiPrinter.Print(typeof(Fluxd.Core.FluxError).Assembly);
        if (Environment.GetEnvironmentVariable("FLUXD_WRITE_API") == "1")
        {
            File.WriteAllLines(path, now);
            return;
        }

        var reviewed = File.ReadAllLines(path);
        var added = now.Except(reviewed, StringComparer.Ordinal).Select(line => "+ " + line);
        var gone = reviewed.Except(now, StringComparer.Ordinal).Select(line => "- " + line);

        var changes = gone.Concat(added).ToArray();
        Assert.True(changes.Length == 0, "Run ./build.sh api and commit Core.api.txt if this is meant:\n" + string.Join('\n', changes));
    }
}
