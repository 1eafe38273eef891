using Fluxd.Core.Admin;

namespace Fluxd.Daemon.Config;

/// <summary>
/// The snapshot in force. Readers take <see cref="Current"/> when they need it and keep it for one operation. A reload
/// swaps the reference or, when anything is wrong with the new one, changes nothing. Thread-safe.
/// </summary>
internal sealed class LiveConfig(FluxdConfig first, ConfigSources sources, TimeProvider clock)
{
    private readonly Lock _reloading = new();
    private volatile FluxdConfig _current = first;
    private long _loadedTicks = clock.GetUtcNow().UtcTicks;

    public FluxdConfig Current => _current;

    public string? File => sources.File;

    public DateTimeOffset LoadedAt => new(Interlocked.Read(ref _loadedTicks), TimeSpan.Zero);

    /// <summary>After a swap, in the reloading thread; must be quick.</summary>
    public event Action<FluxdConfig>? Changed;

    public ReloadRecord Reload()
    {
        lock (_reloading)
        {
            FluxdConfig next;
            try
            {
                next = ConfigReader.Read(sources);
            }
            catch (ConfigException e)
            {
                return new ReloadRecord(false, [.. e.Faults.Select(fault => fault.ToString())], []);
            }

            var waiting = ConfigKey.All.Where(key => !key.Rule.Live && !Same(key.Get(next), key.Get(_current))).ToArray();
            foreach (var key in waiting)
            {
                // What can't change while running keeps its old value, so that the snapshot never lies about the daemon.
                key.Set(next, key.Get(_current));
            }

            // Each file was good by itself; half of each may open what neither does.
            var faults = ConfigRules.CheckAgreements(next, $"beside {string.Join(", ", waiting.Select(key => key.Full))}, which only a restart changes").ToArray();
            if (faults.Length > 0)
            {
                return new ReloadRecord(false, [.. faults.Select(fault => fault.ToString())], []);
            }

            _current = next;
            Interlocked.Exchange(ref _loadedTicks, clock.GetUtcNow().UtcTicks);
            Changed?.Invoke(next);
            return new ReloadRecord(true, [], [.. waiting.Select(key => key.Full)]);
        }
    }

    private static bool Same(object left, object right) =>
        left is string[] one && right is string[] other ? one.SequenceEqual(other) : left.Equals(right);
}
