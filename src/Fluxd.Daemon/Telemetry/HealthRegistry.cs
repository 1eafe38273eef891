using System.Collections.Concurrent;

namespace Fluxd.Daemon.Telemetry;

/// <param name="Problem">Null while the part is well; else one plain sentence.</param>
/// <param name="BlocksReadiness">The daemon can't serve while this lasts.</param>
internal sealed record PartHealth(string Part, string? Problem, bool BlocksReadiness);

/// <summary>
/// What is wrong, per part. Parts register one cheap check each, which is asked whenever somebody wants to know: a
/// remembered answer could be stale. Thread-safe; a check that throws counts as its problem.
/// </summary>
internal sealed class HealthRegistry
{
    private readonly ConcurrentDictionary<string, (Func<string?> Check, bool BlocksReadiness)> _checks = new(StringComparer.Ordinal);

    public void Register(string part, Func<string?> check, bool blocksReadiness = true) => _checks[part] = (check, blocksReadiness);

    public IReadOnlyList<PartHealth> Check() =>
        [.. _checks.OrderBy(entry => entry.Key, StringComparer.Ordinal)
            .Select(entry => new PartHealth(entry.Key, Ask(entry.Value.Check), entry.Value.BlocksReadiness))];

    private static string? Ask(Func<string?> check)
    {
        try
        {
            return check();
        }
#pragma warning disable CA1031 // Whatever a check throws is the finding.
        catch (Exception e)
#pragma warning restore CA1031
        {
            return e.Message;
        }
    }
}
