using System.Collections;
using System.Reflection;
using System.Text.Json;
using Fluxd.Core;
using Fluxd.Core.Admin;
using Fluxd.Daemon.Config;
using Fluxd.Daemon.Doctor;

namespace Fluxd.Daemon;

internal static class Program
{
    private const int Failed = 1;
    private const int WrongSettings = 2;
    private const int Damaged = 3;
    private const string SystemConfig = "/etc/fluxd/fluxd.toml";

    public static string Version { get; } =
        typeof(Program).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    private static async Task<int> Main(string[] args)
    {
        try
        {
            var arguments = Arguments.Parse(args);
            switch (arguments.Deed)
            {
                case Deed.Version:
                    Console.WriteLine($"fluxd {Version}");
                    return 0;
                case Deed.Help:
                    Console.WriteLine(Arguments.Usage);
                    return 0;
                case Deed.RestoreStore:
                    Console.WriteLine(StoreOpening.Restore(arguments.Restore!.Value.From, arguments.Restore.Value.To));
                    return 0;
                case Deed.VerifyStore:
                    var (isWhole, told) = await StoreOpening.VerifyAsync(arguments.Verify!);
                    Console.WriteLine(told);
                    return isWhole ? 0 : Damaged;
            }

            var sources = SourcesOf(arguments);
            if (arguments.Deed == Deed.Doctor)
            {
                var checks = await OfflineDoctor.RunAsync(sources, CancellationToken.None);
                Console.WriteLine(JsonSerializer.Serialize(checks, AdminJson.Default.IReadOnlyListCheckRecord));
                return 0;
            }

            var config = ConfigReader.Read(sources);
            if (arguments.Deed == Deed.CheckConfig)
            {
                Console.WriteLine($"{sources.File ?? "The built-in configuration"} is good.");
                return 0;
            }

            if (arguments.Deed == Deed.InitStore)
            {
                await StoreOpening.InitAsync(config);
                Console.WriteLine($"An empty store was made at {config.Store.Path}.");
                return 0;
            }

            if (arguments.Deed == Deed.RebuildStore)
            {
                Console.WriteLine(StoreOpening.Rebuild(config));
                return 0;
            }

            await using var daemon = new Daemon(new LiveConfig(config, sources, TimeProvider.System), sources.Environment, arguments.TryFolder is not null);
            await daemon.RunAsync();
            return 0;
        }
        catch (ArgumentException e)
        {
            Console.Error.WriteLine($"fluxd: {e.Message}");
            return WrongSettings;
        }
        catch (ConfigException e)
        {
            foreach (var fault in e.Faults)
            {
                Console.Error.WriteLine($"fluxd: {fault}");
            }

            return WrongSettings;
        }
        catch (FluxException e)
        {
            // One plain sentence; the cause is in the log where there is one worth reading.
            Console.Error.WriteLine($"fluxd: {e.Message}");
            return Failed;
        }
#pragma warning disable CA1031 // The last catch of the process: a fault is shown whole, and the exit code tells the supervisor.
        catch (Exception e)
#pragma warning restore CA1031
        {
            Console.Error.WriteLine($"fluxd: this should not happen; please report it: {e}");
            return Failed;
        }
    }

    private static ConfigSources SourcesOf(Arguments arguments)
    {
        var environment = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
            .ToDictionary(entry => (string)entry.Key, entry => (string?)entry.Value ?? "", StringComparer.Ordinal);
        if (arguments.TryFolder is not { } folder)
        {
            return new ConfigSources(arguments.Config ?? (File.Exists(SystemConfig) ? SystemConfig : null), environment, arguments.Overrides);
        }

        var root = Path.GetFullPath(folder);
        KeyValuePair<string, string>[] below =
        [
            new("store.path", Path.Combine(root, "store")), new("daemon.state", Path.Combine(root, "state")), new("admin.socket", Path.Combine(root, "fluxd.sock")),
        ];
        return new ConfigSources(arguments.Config, environment, [.. below, .. arguments.Overrides]);
    }
}
