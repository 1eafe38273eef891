namespace Fluxd.Daemon.Config;

/// <summary>Prints <c>fluxd.toml.example</c> from the records: every key, its sense, its default.</summary>
internal static class ConfigExample
{
    public static IEnumerable<string> Print()
    {
        yield return "# fluxd's settings, each with its default. Copy what you change to /etc/fluxd/fluxd.toml.";
        yield return "# Order: default, this file, FLUXD_SECTION_KEY in the environment, --set section.key=value. Later wins.";
        yield return "# Lines with (reload) take effect by `fluxctl reload`; the others at the next start.";
        var defaults = new FluxdConfig();
        foreach (var section in ConfigKey.All.GroupBy(key => key.Section))
        {
            yield return "";
            yield return $"[{section.Key}]";
            foreach (var key in section)
            {
                yield return $"# {key.Rule.Sense}{Words(key)}{(key.Rule.Live ? " (reload)" : "")}";
                yield return $"{key.Name} = {ConfigKey.Show(key.Get(defaults))}";
            }
        }
    }

    private static string Words(ConfigKey key) => key.Rule.OneOf.Length == 0 ? "" : $" [{key.Rule.OneOf.Replace("|", ", ", StringComparison.Ordinal)}]";
}
