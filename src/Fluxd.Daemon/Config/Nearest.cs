namespace Fluxd.Daemon.Config;

/// <summary>"Did you mean …?" for a misspelt key: the known name with the fewest edits, if it is near enough to be meant.</summary>
internal static class Nearest
{
    public static string Hint(string name, IEnumerable<string> known)
    {
        var best = known.Select(candidate => (candidate, distance: Distance(name, candidate))).MinBy(pair => pair.distance);
        return best.candidate is not null && best.distance <= Math.Max(2, name.Length / 3) ? $"; did you mean \"{best.candidate}\"?" : "";
    }

    /// <summary>Levenshtein, one row at a time.</summary>
    private static int Distance(string from, string to)
    {
        var row = Enumerable.Range(0, to.Length + 1).ToArray();
        for (var i = 1; i <= from.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= to.Length; j++)
            {
                var substitution = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(substitution, Math.Min(row[j - 1], row[j]) + 1);
            }
        }

        return row[^1];
    }
}
