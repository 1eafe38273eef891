using Fluxd.EndToEnd.Http;
using Xunit;

namespace Fluxd.EndToEnd.House;

/// <summary>The Tab key in live shells on a terminal, with the real fluxctl.</summary>
[Trait("Category", "Peers")]
public sealed class CompletionTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("fluxd-completion-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory(Timeout = 300_000)]
    [InlineData("bash")]
    [InlineData("zsh")]
    public async Task Tab_completes_commands_options_and_files(string shell)
    {
        File.CreateSymbolicLink(Path.Combine(_folder.FullName, "fluxctl"), Path.Combine(AppContext.BaseDirectory, "fluxctl"));
        await File.WriteAllTextAsync(Path.Combine(_folder.FullName, "some-file.txt"), "");
        (string Typed, string Completed)[] lines =
        [
            ("fluxctl doct", "fluxctl doctor"),
            ("fluxctl users qu", "fluxctl users quota"),
            ("fluxctl users quota anna --by", "fluxctl users quota anna --bytes"),
            ("fluxctl put some-f", "fluxctl put some-file.txt"),
        ];

        var (exit, output, errors) = await Tool.RunAsync(
            "python3", [Path.Combine(AppContext.BaseDirectory, "House", "complete.py"), shell, _folder.FullName, .. lines.Select(line => line.Typed)]);

        Assert.True(exit == 0, errors);
        Assert.Equal(lines.Select(line => line.Completed), output.TrimEnd('\n').Split('\n'));
    }
}
