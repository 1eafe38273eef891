using Fluxd.Daemon;
using Fluxd.Daemon.Config;
using Fluxd.Daemon.Config.Toml;
using Fluxd.Tests.Architecture;
using Xunit;

namespace Fluxd.Tests.Daemon.Config;

public sealed class ConfigTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("fluxd-config-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Nothing_at_all_is_a_good_configuration() => Assert.True(Read("").Sftp.Enabled);

    [Fact]
    public void The_later_source_wins_default_file_environment_command_line()
    {
        const string file = "[log]\nlevel = \"warn\"\nformat = \"json\"\n[daemon]\ndrain = 5\n[net]\ncongestion = \"bbr\"";
        var config = Read(file, environment: new() { ["FLUXD_LOG_FORMAT"] = "text", ["FLUXD_DAEMON_DRAIN"] = "7s" }, overrides: new() { ["daemon.drain"] = "9s" });

        Assert.Equal(("info", "warn"), (new FluxdConfig().Log.Level, config.Log.Level));
        Assert.Equal("text", config.Log.Format);
        Assert.Equal(TimeSpan.FromSeconds(9), config.Daemon.Drain.Span);
        Assert.Equal("bbr", config.Net.Congestion);
    }

    [Fact]
    public void Systemds_credentials_stand_in_for_files_that_nobody_names()
    {
        var (cert, key) = (Path.Combine(_folder.FullName, "tls.cert"), Path.Combine(_folder.FullName, "tls.key"));
        File.WriteAllText(cert, "");
        File.WriteAllText(key, "");
        var credentials = new Dictionary<string, string> { ["CREDENTIALS_DIRECTORY"] = _folder.FullName };

        Assert.Equal((cert, key), Read("", credentials).Tls is var both ? (both.Cert, both.Key) : default);
        Assert.Equal("/dev/null", Read("[tls]\ncert = \"/dev/null\"", credentials).Tls.Cert);
        File.Delete(key);
        Assert.Contains("belong together", Assert.Single(Faults("", credentials)).Expected, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_fault_is_told_at_once_with_key_value_and_expectation()
    {
        var faults = Faults("[sftp]\nlisten = [\"nowhere\"]\ncompat = \"maybe\"\n[log]\nlevel = \"loud\"\n[limits]\nconnections = 0\n[tls]\ncert = \"/no/such/file\"");

        Assert.Equal(6, faults.Count);
        Assert.Contains(faults, fault => fault is { Key: "sftp.listen", Value: "\"nowhere\"" } && fault.Expected.Contains("host:port", StringComparison.Ordinal));
        Assert.Contains(faults, fault => fault is { Key: "sftp.compat", Expected: "expected true or false" } && fault.Where.StartsWith("line 3, column 10", StringComparison.Ordinal));
        Assert.Contains(faults, fault => fault.Key == "log.level" && fault.Expected.Contains("\"warn\"", StringComparison.Ordinal));
        Assert.Contains(faults, fault => fault.Key == "limits.connections" && fault.Expected.Contains("1 to 1000000", StringComparison.Ordinal));
        Assert.Equal(2, faults.Count(fault => fault.Key.StartsWith("tls.", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("[sftp]\nlisen = []", "did you mean \"sftp.listen\"?")]
    [InlineData("[stfp]\nenabled = true", "did you mean \"sftp\"?")]
    [InlineData("drain = 3", "unknown key")]
    public void An_unknown_key_is_a_fault_that_names_the_nearest_known_one(string file, string hint) =>
        Assert.Contains(hint, Assert.Single(Faults(file)).ToString(), StringComparison.Ordinal);

    [Fact]
    public void A_misspelt_environment_variable_is_a_fault_and_a_foreign_one_is_not()
    {
        Assert.Contains("FLUXD_SFTP_LISTEN", Assert.Single(Faults("", new() { ["FLUXD_SFTP_LISEN"] = "x" })).Expected, StringComparison.Ordinal);
        Read("", environment: new() { ["FLUXD_TEST_MODE"] = "quick" });
    }

    [Fact]
    public void A_half_written_file_is_refused_with_line_and_column()
    {
        var fault = Assert.Single(Faults("[sftp]\nlisten = [\"127.0"));

        Assert.StartsWith("line 2, column 11", fault.Where, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[store]\nretention = \"2147483647d\"", "store.retention = \"2147483647d\"", "0s to 36500d")]
    [InlineData("[store]\nretention = \"200000d\"", "store.retention = \"200000d\"", "0s to 36500d")]
    [InlineData("[store]\nupload_expiry = \"99999999h\"", "store.upload_expiry = \"99999999h\"", "1m to 36500d")]
    [InlineData("[daemon]\ndrain = -1", "daemon.drain = -1", "0s to 1h")]
    [InlineData("[limits]\nconnections = 5000000000", "limits.connections = 5000000000", "1 to 1000000")]
    [InlineData("[sftp]\ncompat = 1.5", "sftp.compat = 1.5", "true or false")]
    [InlineData("[store]\npath = \"a\\u0000b\"", "store.path = \"a\\u0000b\"", "without control characters")]
    [InlineData("[http]\ntrusted_proxies = [\"10.0.0.1\\n\"]", "http.trusted_proxies = [\"10.0.0.1\\n\"]", "without control characters")]
    [InlineData("[sftp]\nlisten = [\"*:2022\", \"[::]:2022\"]", "sftp.listen = \"[::]:2022\"", "in sftp.listen already")]
    [InlineData("[sftp]\nlisten = [\"127.0.0.1:7\"]\n[http]\nlisten_tls = [\"127.0.0.1:7\"]", "http.listen_tls = \"127.0.0.1:7\"", "in sftp.listen already")]
    public void A_value_that_can_not_be_is_shown_as_it_stands_beside_what_was_expected(string file, string shown, string expected)
    {
        var fault = Assert.Single(Faults(file)).ToString();

        Assert.StartsWith(shown + ":", fault, StringComparison.Ordinal);
        Assert.Contains(expected, fault, StringComparison.Ordinal);
    }

    [Fact]
    public void A_frontend_that_is_off_and_ports_of_the_systems_choice_take_no_address_from_another()
    {
        Read("[sftp]\nenabled = false\nlisten = [\"127.0.0.1:7\"]\n[http]\nlisten = [\"127.0.0.1:7\"]");
        Read("[sftp]\nlisten = [\"127.0.0.1:0\", \"127.0.0.1:0\"]");
        Read("[http]\nlisten_tls = [\"127.0.0.1:7\"]\n[quic]\nlisten = [\"127.0.0.1:7\"]");
    }

    [Theory]
    [InlineData("--config", "")]
    [InlineData("--try", "")]
    [InlineData("--config")]
    public void An_argument_without_its_value_is_told_by_its_name(params string[] args) =>
        Assert.Equal($"{args[0]} needs a value.", Assert.Throws<ArgumentException>(() => Arguments.Parse(args)).Message);

    [Fact]
    public void A_missing_or_endless_file_is_a_fault_and_not_a_crash()
    {
        Assert.Single(Assert.Throws<ConfigException>(() => ConfigReader.Read(Sources(_folder.FullName + "/none", [], []))).Faults);
        Assert.Contains("can't be a configuration", Assert.Single(Assert.Throws<ConfigException>(() => ConfigReader.Read(Sources("/dev/zero", [], []))).Faults).Expected, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("listen = [\"0.0.0.0:8080\"]", false)]
    [InlineData("listen = [\"0.0.0.0:8080\"]\nallow_plain = true", true)]
    [InlineData("listen = [\"0.0.0.0:8080\"]\ntrusted_proxies = [\"10.0.0.0/8\"]", true)]
    [InlineData("listen_tls = [\"[::]:8443\"]", true)]
    public void Plain_HTTP_stays_on_this_machine_unless_told_otherwise(string http, bool allowed) =>
        Assert.Equal(allowed, Record.Exception(() => Read("[http]\n" + http)) is null);

    [Theory]
    [InlineData("10G", 10L << 30)]
    [InlineData("1024", 1024)]
    public void Sizes_and_times_are_written_as_people_write_them(string text, long bytes)
    {
        Assert.Equal(bytes, Read($"[store]\nkeep_free = \"{text}\"\nretention = \"2h\"").Store.KeepFree.Bytes);
        Assert.Equal(TimeSpan.FromHours(2), Read("[store]\nretention = \"2h\"").Store.Retention.Span);
    }

    [Fact]
    public void The_example_lists_every_key_with_its_default()
    {
        var path = Repository.PathOf("fluxd.toml.example");
        if (Environment.GetEnvironmentVariable("FLUXD_WRITE_API") == "1")
        {
            File.WriteAllLines(path, ConfigExample.Print());
        }

        Assert.Equal(ConfigExample.Print(), File.ReadAllLines(path));
        var config = ConfigReader.Read(Sources(path, [], []));
        Assert.All(ConfigKey.All, key => Assert.Equal(ConfigKey.Show(key.Get(new FluxdConfig())), ConfigKey.Show(key.Get(config))));
        Assert.All(ConfigKey.All, key => Assert.True(((TomlTable)TomlReader.Read(File.ReadAllBytes(path))[key.Section]).TryGet(key.Name, out _)));
    }

    [Fact]
    public void A_reload_swaps_what_it_can_names_what_waits_and_keeps_the_old_when_the_file_is_bad()
    {
        var file = Path.Combine(_folder.FullName, "fluxd.toml");
        File.WriteAllText(file, "[log]\nlevel = \"info\"");
        var sources = Sources(file, [], []);
        var live = new LiveConfig(ConfigReader.Read(sources), sources, TimeProvider.System);
        var seen = new List<string>();
        live.Changed += config => seen.Add(config.Log.Level);

        File.WriteAllText(file, "[log]\nlevel = \"debug\"\n[sftp]\nlisten = [\"127.0.0.1:9\"]");
        var good = live.Reload();
        File.WriteAllText(file, "[log]\nlevel = ");
        var bad = live.Reload();

        Assert.True(good.Applied);
        Assert.Equal(["sftp.listen"], good.NeedsRestart);
        Assert.False(bad.Applied);
        Assert.Contains("line 2", Assert.Single(bad.Faults), StringComparison.Ordinal);
        Assert.Equal(["debug"], seen);
        Assert.Equal("debug", live.Current.Log.Level);
        Assert.Equal(new FluxdConfig().Sftp.Listen, live.Current.Sftp.Listen);
    }

    [Fact]
    public void A_reload_never_makes_of_two_good_files_what_neither_allows()
    {
        var file = Path.Combine(_folder.FullName, "fluxd.toml");
        File.WriteAllText(file, "[http]\nlisten = [\"0.0.0.0:8080\"]\ntrusted_proxies = [\"10.0.0.1\"]\nproxy_protocol = true");
        var sources = Sources(file, [], []);
        var live = new LiveConfig(ConfigReader.Read(sources), sources, TimeProvider.System);

        File.WriteAllText(file, "[http]\nlisten = [\"127.0.0.1:8080\"]");
        var outcome = live.Reload();

        Assert.False(outcome.Applied);
        Assert.Equal(2, outcome.Faults.Count);
        Assert.All(outcome.Faults, fault => Assert.Contains("beside http.listen, http.proxy_protocol, which only a restart changes", fault, StringComparison.Ordinal));
        Assert.Equal(["10.0.0.1"], live.Current.Http.TrustedProxies);
    }

    private FluxdConfig Read(string text, Dictionary<string, string>? environment = null, Dictionary<string, string>? overrides = null)
    {
        var file = Path.Combine(_folder.FullName, "fluxd.toml");
        File.WriteAllText(file, text);
        return ConfigReader.Read(Sources(file, environment ?? [], [.. overrides ?? []]));
    }

    private IReadOnlyList<ConfigFault> Faults(string text, Dictionary<string, string>? environment = null) =>
        Assert.Throws<ConfigException>(() => Read(text, environment)).Faults;

    private static ConfigSources Sources(string file, Dictionary<string, string> environment, List<KeyValuePair<string, string>> overrides) =>
        new(file, environment, overrides);
}
