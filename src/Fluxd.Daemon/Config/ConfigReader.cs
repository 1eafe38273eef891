using Fluxd.Daemon.Config.Toml;

namespace Fluxd.Daemon.Config;

/// <summary>
/// Default, then systemd's credentials, file, then environment, then command line: the later wins. Collects every fault before it gives up.
/// </summary>
internal sealed class ConfigReader(ConfigSources sources)
{
    /// <summary>No configuration comes near it; a wrong path (a device, a log) must not fill the memory.</summary>
    private const int FileBytesMax = 1 << 20;

    private readonly List<ConfigFault> _faults = [];
    private readonly Dictionary<string, string> _origin = new(StringComparer.Ordinal);
    private readonly FluxdConfig _config = new();

    /// <exception cref="ConfigException">With every fault found.</exception>
    public static FluxdConfig Read(ConfigSources sources) => new ConfigReader(sources).Read();

    private FluxdConfig Read()
    {
        TakeCredentials();
        ReadFile();
        ReadEnvironment();
        foreach (var (key, value) in sources.Overrides)
        {
            Apply(key, value, "the command line");
        }

        _faults.AddRange(ConfigRules.Check(_config, OriginOf));
        return _faults.Count == 0 ? _config : throw new ConfigException(_faults);
    }

    private string OriginOf(string key) => _origin.GetValueOrDefault(key, "the default");

    /// <summary>What the unit's LoadCredential= put into a folder that only this service sees.</summary>
    private void TakeCredentials()
    {
        if (!sources.Environment.TryGetValue("CREDENTIALS_DIRECTORY", out var folder))
        {
            return;
        }

        foreach (var key in ConfigKey.All.Where(key => key.Rule.Credential))
        {
            var file = Path.Combine(folder, key.Full);
            if (File.Exists(file))
            {
                Set(key, file, "systemd's credential");
            }
        }
    }

    private void ReadFile()
    {
        if (sources.File is not { } file)
        {
            return;
        }

        try
        {
            ReadSections(TomlReader.Read(ReadBytes(file)), file);
        }
        catch (TomlException e)
        {
            _faults.Add(new ConfigFault(file, null, e.Problem, $"{e.Position} of {file}"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _faults.Add(new ConfigFault(file, null, $"can't be read: {e.Message}", "--config"));
        }
    }

    private static byte[] ReadBytes(string file)
    {
        using var stream = File.OpenRead(file);
        var bytes = new byte[FileBytesMax + 1];
        var length = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        return length <= FileBytesMax ? bytes[..length] : throw new IOException($"it has more than {FileBytesMax} bytes and can't be a configuration");
    }

    private void ReadSections(TomlTable root, string file)
    {
        var sections = ConfigKey.All.Select(key => key.Section).Distinct().ToArray();
        foreach (var name in root.Keys)
        {
            var where = $"{root[name].Position} of {file}";
            if (!sections.Contains(name))
            {
                _faults.Add(new ConfigFault(name, null, $"unknown {(root[name] is TomlTable ? "section" : "key")}{Nearest.Hint(name, sections)}", where));
            }
            else if (root[name] is TomlTable section)
            {
                ReadSection(name, section, file);
            }
            else
            {
                _faults.Add(new ConfigFault(name, null, $"expected a section: [{name}]", where));
            }
        }
    }

    private void ReadSection(string section, TomlTable table, string file)
    {
        foreach (var name in table.Keys)
        {
            var where = $"{table[name].Position} of {file}";
            if (Find($"{section}.{name}", where) is not { } key)
            {
                continue;
            }

            if (ConfigValues.From(key, table[name]) is { } value)
            {
                Set(key, value, where);
            }
            else
            {
                _faults.Add(new ConfigFault(key.Full, ConfigValues.Show(table[name]), ConfigValues.Expectation(key), where));
            }
        }
    }

    /// <summary>Only names of known sections are ours: others (FLUXD_TEST_…) belong to somebody else.</summary>
    private void ReadEnvironment()
    {
        foreach (var (name, value) in sources.Environment.Where(entry => entry.Key.StartsWith("FLUXD_", StringComparison.Ordinal)))
        {
            if (ConfigKey.All.FirstOrDefault(key => key.Environment == name) is { } key)
            {
                Apply(key.Full, value, name);
            }
            else if (ConfigKey.All.Any(known => name.StartsWith($"FLUXD_{known.Section.ToUpperInvariant()}_", StringComparison.Ordinal)))
            {
                _faults.Add(new ConfigFault(name, ConfigKey.Show(value), $"unknown{Nearest.Hint(name, ConfigKey.All.Select(key => key.Environment))}", "the environment"));
            }
        }
    }

    private void Apply(string name, string text, string where)
    {
        if (Find(name, where) is not { } key)
        {
            return;
        }

        if (ConfigValues.From(key, text) is { } value)
        {
            Set(key, value, where);
        }
        else
        {
            _faults.Add(new ConfigFault(key.Full, ConfigKey.Show(text), ConfigValues.Expectation(key), where));
        }
    }

    private ConfigKey? Find(string name, string where)
    {
        var key = ConfigKey.All.FirstOrDefault(key => key.Full == name);
        if (key is null)
        {
            _faults.Add(new ConfigFault(name, null, $"unknown key{Nearest.Hint(name, ConfigKey.All.Select(key => key.Full))}", where));
        }

        return key;
    }

    private void Set(ConfigKey key, object value, string where)
    {
        if (!ConfigValues.IsAllowed(key, value))
        {
            _faults.Add(new ConfigFault(key.Full, ConfigKey.Show(value), ConfigValues.Expectation(key), where));
            return;
        }

        key.Set(_config, value);
        _origin[key.Full] = where;
    }
}

/// <param name="File">Null: there is none.</param>
/// <param name="Overrides">From the command line, in its order.</param>
internal sealed record ConfigSources(
    string? File, IReadOnlyDictionary<string, string> Environment, IReadOnlyList<KeyValuePair<string, string>> Overrides);
