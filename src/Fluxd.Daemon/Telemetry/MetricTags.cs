using System.Diagnostics.CodeAnalysis;

namespace Fluxd.Daemon.Telemetry;

/// <summary>The tags of a measurement, in the order in which they came.</summary>
internal readonly record struct MetricTags(KeyValuePair<string, object?>[] Tags)
{
    public static readonly IEqualityComparer<MetricTags> Comparer = new ByContent();

    /// <summary>Finds by the caller's span: only tags that are new are copied.</summary>
    private sealed class ByContent : IEqualityComparer<MetricTags>, IAlternateEqualityComparer<ReadOnlySpan<KeyValuePair<string, object?>>, MetricTags>
    {
        public bool Equals(MetricTags x, MetricTags y) => Equals(x.Tags.AsSpan(), y);

        public int GetHashCode([DisallowNull] MetricTags obj) => GetHashCode(obj.Tags.AsSpan());

        public MetricTags Create(ReadOnlySpan<KeyValuePair<string, object?>> alternate) => new(alternate.ToArray());

        public bool Equals(ReadOnlySpan<KeyValuePair<string, object?>> alternate, MetricTags other)
        {
            if (alternate.Length != other.Tags.Length)
            {
                return false;
            }

            for (var i = 0; i < alternate.Length; i++)
            {
                if (alternate[i].Key != other.Tags[i].Key || !Equals(alternate[i].Value, other.Tags[i].Value))
                {
                    return false;
                }
            }

            return true;
        }

        public int GetHashCode(ReadOnlySpan<KeyValuePair<string, object?>> alternate)
        {
            var hash = new HashCode();
            foreach (var (_, value) in alternate)
            {
                hash.Add(value);
            }

            return hash.ToHashCode();
        }
    }
}
