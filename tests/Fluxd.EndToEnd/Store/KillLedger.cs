using System.Globalization;
using Fluxd.Bench;

namespace Fluxd.EndToEnd.Store;

/// <summary>A file as the ledger knows it: bytes that can be made again from a seed. Null: no such file.</summary>
internal sealed record Expected(int Seed, int Length)
{
    internal byte[] Bytes => LiveClients.Bytes(Seed, Length);
}

/// <summary>What the clients of <see cref="LiveClients"/> were told, read line by line; a last line that was cut off says nothing.</summary>
internal sealed class KillLedger
{
    private readonly Dictionary<int, Dictionary<string, Expected?>> _asked = [];

    /// <summary>Acknowledged.</summary>
    internal Dictionary<string, Expected?> Files { get; } = [];

    /// <summary>Asked and not answered; each happened with all its names, or not at all.</summary>
    internal IEnumerable<IReadOnlyDictionary<string, Expected?>> InDoubt => _asked.Values;

    /// <summary>Uploads that were told durable so far.</summary>
    internal Dictionary<string, (string Name, Expected Whole, long Durable)> Uploads { get; } = [];

    internal int Answers { get; private set; }

    internal void Read(string line)
    {
        var words = line.Split(' ');
        switch (words[0])
        {
            case "ask":
                _asked[Number(words[1])] = Change(words);
                break;
            case "ack":
                Answer(Number(words[1]));
                break;
            case "part":
                Uploads[words[1]] = (words[2], new Expected(Number(words[3]), Number(words[4])), Number(words[5]));
                break;
            default:
                throw new FormatException($"Not a line of a ledger: {line}");
        }
    }

    /// <summary>A look at the store has shown how it went.</summary>
    internal void Settle(IReadOnlyDictionary<string, Expected?> asked, bool happened)
    {
        var client = _asked.First(entry => entry.Value == asked).Key;
        _asked.Remove(client);
        if (happened)
        {
            Apply(asked);
        }
    }

    private void Answer(int client)
    {
        Answers++;
        _asked.Remove(client, out var asked);
        Apply(asked!);
    }

    private void Apply(IReadOnlyDictionary<string, Expected?> changes)
    {
        foreach (var (name, content) in changes)
        {
            Files[name] = content;
        }
    }

    private Dictionary<string, Expected?> Change(string[] words) => words[2] switch
    {
        "put" or "complete" => new() { [words[3]] = new Expected(Number(words[4]), Number(words[5])) },
        "remove" => new() { [words[3]] = null },
        "move" => new() { [words[3]] = null, [words[4]] = Files.GetValueOrDefault(words[3]) },
        _ => throw new FormatException(words[2]),
    };

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
