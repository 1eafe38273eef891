using System.Security.Cryptography;

namespace Fluxd.LoadTests.House;

/// <summary>
/// What the daemon acknowledged, by path. A worker owns its names and writes each before the next; a name whose last
/// change was not answered may hold the old content or the new one, whole, and is never touched again: a request whose
/// answer was lost may still be carried out.
/// </summary>
internal sealed class Ledger
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Entry> _entries = [];
    private readonly List<string> _losses = [];
    private long _acknowledged;

    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _entries.Count;
            }
        }
    }

    public long Acknowledged => Interlocked.Read(ref _acknowledged);

    public IReadOnlyList<string> Losses
    {
        get
        {
            lock (_gate)
            {
                return [.. _losses];
            }
        }
    }

    public static string Hash(ReadOnlySpan<byte> content) => Convert.ToHexStringLower(SHA256.HashData(content));

    /// <summary>A change is about to be asked for; null as hash: the name goes away.</summary>
    public void Begin(string path, string? hash)
    {
        lock (_gate)
        {
            _entries[path] = _entries.TryGetValue(path, out var entry) ? entry with { Asked = hash, IsOpen = true } : new Entry(null, hash, true);
        }
    }

    public void Acknowledge(string path)
    {
        lock (_gate)
        {
            _entries[path] = _entries[path] with { Known = _entries[path].Asked, IsOpen = false };
        }

        Interlocked.Increment(ref _acknowledged);
    }

    public void Lost(string what)
    {
        lock (_gate)
        {
            _losses.Add(what);
        }
    }

    /// <summary>Every path that must be there, or may.</summary>
    public IReadOnlyList<string> Paths(string folder)
    {
        lock (_gate)
        {
            return [.. _entries.Keys.Where(path => path.StartsWith(folder, StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
        }
    }

    /// <param name="found">The hash of what is there; null for nothing.</param>
    public void Check(string way, string path, string? found)
    {
        lock (_gate)
        {
            var entry = _entries[path];
            if (found != entry.Known && !(entry.IsOpen && found == entry.Asked))
            {
                _losses.Add($"{way}: {path} is {Short(found)}; acknowledged was {Short(entry.Known)}{(entry.IsOpen ? $", asked for without an answer {Short(entry.Asked)}" : "")}");
            }
        }
    }

    private static string Short(string? hash) => hash is null ? "not there" : hash[..Math.Min(hash.Length, 12)];

    /// <param name="Known">The last acknowledged content; null for none.</param>
    /// <param name="Asked">What was asked for last.</param>
    /// <param name="IsOpen">It was not answered.</param>
    private sealed record Entry(string? Known, string? Asked, bool IsOpen);
}
