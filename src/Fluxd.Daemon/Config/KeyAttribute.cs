namespace Fluxd.Daemon.Config;

/// <summary>One setting: what it means in one line, and what it may be. The default stands beside the property.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class KeyAttribute(string sense) : Attribute
{
    public string Sense { get; } = sense;

    public long Min { get; init; } = long.MinValue;

    public long Max { get; init; } = long.MaxValue;

    /// <summary>The allowed words, parted by '|'.</summary>
    public string OneOf { get; init; } = "";

    /// <summary>A file that systemd may hand over instead: the credential with the key's full name.</summary>
    public bool Credential { get; init; }

    /// <summary>A reload puts it in force; the others wait for the next start.</summary>
    public bool Live { get; init; }
}
