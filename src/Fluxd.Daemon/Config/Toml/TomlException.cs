namespace Fluxd.Daemon.Config.Toml;

/// <summary>The text is not TOML: says where, what is wrong and what was expected.</summary>
internal sealed class TomlException(TomlPosition position, string problem)
    : Exception($"{position}: {problem}")
{
    public TomlPosition Position { get; } = position;

    public string Problem { get; } = problem;
}
