namespace Fluxd.Daemon;

internal enum Deed
{
    Run,
    CheckConfig,
    InitStore,
    RestoreStore,
    RebuildStore,
    Doctor,
    VerifyStore,
    Version,
    Help,
}

/// <summary>What the command line asks for.</summary>
internal sealed record Arguments
{
    public const string Usage = """
        fluxd [--config FILE] [--set SECTION.KEY=VALUE]... [--check-config]
        fluxd --try DIRECTORY     try it out: everything below DIRECTORY, this machine only, a first user is made
        fluxd --init-store [--config FILE]   make an empty store where there is none (fluxctl store init)
        fluxd --restore-store BACKUP FOLDER    make a store in FOLDER out of a backup (fluxctl store restore)
        fluxd --rebuild-store [--config FILE]  a lost or damaged catalogue out of its newest copy and the log (fluxctl store rebuild)
        fluxd --doctor [--config FILE]         what can be checked while no daemon runs, as JSON (fluxctl doctor)
        fluxd --verify-store FOLDER            read a store or a backup through, and change nothing (fluxctl store verify)
        fluxd --version

        Without --config the settings come from /etc/fluxd/fluxd.toml if it is there, else from the defaults.
        FLUXD_SECTION_KEY in the environment goes before the file, --set before both.
        SIGHUP (or fluxctl reload) reads the settings again. SIGTERM stops when transfers are done; a second one at once.
        Exit codes: 0 stopped as asked, 1 could not start or failed, 2 wrong settings or arguments, 3 damage that --verify-store found.
        """;

    public Deed Deed { get; init; }

    public string? Config { get; init; }

    /// <summary>What a restore reads and where it writes.</summary>
    public (string From, string To)? Restore { get; init; }

    /// <summary>The store or backup that is read through.</summary>
    public string? Verify { get; init; }

    public string? TryFolder { get; init; }

    public IReadOnlyList<KeyValuePair<string, string>> Overrides { get; init; } = [];

    /// <exception cref="ArgumentException">In words for the person who typed it.</exception>
    public static Arguments Parse(string[] args)
    {
        var parsed = new Arguments();
        var overrides = new List<KeyValuePair<string, string>>();
        for (var i = 0; i < args.Length; i++)
        {
            string Value() => ++i < args.Length && args[i].Length > 0 ? args[i] : throw new ArgumentException($"{args[i - 1]} needs a value.");
            switch (args[i])
            {
                case "--config": parsed = parsed with { Config = Value() }; break;
                case "--try": parsed = parsed with { TryFolder = Value() }; break;
                case "--set": overrides.Add(Override(Value())); break;
                case "--check-config": parsed = parsed with { Deed = Deed.CheckConfig }; break;
                case "--init-store": parsed = parsed with { Deed = Deed.InitStore }; break;
                case "--restore-store": parsed = parsed with { Deed = Deed.RestoreStore, Restore = (Value(), Value()) }; break;
                case "--rebuild-store": parsed = parsed with { Deed = Deed.RebuildStore }; break;
                case "--doctor": parsed = parsed with { Deed = Deed.Doctor }; break;
                case "--verify-store": parsed = parsed with { Deed = Deed.VerifyStore, Verify = Value() }; break;
                case "--version": parsed = parsed with { Deed = Deed.Version }; break;
                case "--help" or "-h": parsed = parsed with { Deed = Deed.Help }; break;
                default: throw new ArgumentException($"\"{args[i]}\" is no argument of fluxd; see fluxd --help.");
            }
        }

        return parsed with { Overrides = overrides };
    }

    private static KeyValuePair<string, string> Override(string text) => text.IndexOf('=', StringComparison.Ordinal) switch
    {
        > 0 and var at => new(text[..at], text[(at + 1)..]),
        _ => throw new ArgumentException($"\"{text}\": expected --set section.key=value."),
    };
}
