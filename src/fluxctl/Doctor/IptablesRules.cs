using System.Globalization;

namespace Fluxctl.Doctor;

/// <summary>Reads <c>iptables-save</c> and <c>ip6tables-save</c>: the table "filter". What it doesn't know becomes a question without an answer.</summary>
internal static class IptablesRules
{
    public static FirewallTable? Parse(string text, bool isIPv6)
    {
        var table = new FirewallTable(isIPv6 ? "ip6tables" : "iptables", !isIPv6, isIPv6);
        var isFilter = false;
        foreach (var line in text.Split('\n'))
        {
            isFilter = line.StartsWith('*') ? line.Trim() == "*filter" : isFilter;
            if (isFilter && line.StartsWith(':'))
            {
                // ":INPUT DROP [0:0]"; chains of one's own have "-" for a policy.
                var words = line[1..].Split(' ');
                table.Chains[words[0]] = new FirewallChain(words[0], words[0] != "INPUT" ? null : words[1] == "DROP" ? Verdict.Drop : Verdict.Accept, 0);
            }
            else if (isFilter && line.StartsWith("-A ", StringComparison.Ordinal))
            {
                var words = Words(line);
                if (table.Chains.TryGetValue(words[1], out var chain))
                {
                    chain.Rules.Add(Read(words[2..], table.Chains));
                }
            }
        }

        return table.Chains.Values.Any(chain => chain.Rules.Count > 0 || chain.Policy == Verdict.Drop) ? table : null;
    }

    private static FirewallRule Read(List<string> words, Dictionary<string, FirewallChain> chains)
    {
        var questions = new List<Question>();
        var (verdict, target, isGoto) = (Verdict.Continue, (string?)null, false);
        for (var i = 0; i < words.Count; i++)
        {
            var isNegated = words[i] == "!";
            i += isNegated ? 1 : 0;
            var value = i + 1 < words.Count ? words[i + 1] : "";
            switch (words[i])
            {
                case "-j" or "-g":
                    (verdict, isGoto) = (VerdictOf(value), words[i] == "-g");
                    target = chains.ContainsKey(value) ? value : null;

                    // What follows are the target's own options.
                    return new FirewallRule(questions, target is null ? verdict : Verdict.None, target, isGoto);
                case "-m":
                    i++;
                    break;
                default:
                    var question = Asked(words[i], value);
                    questions.Add(!isNegated ? question : visitor => question(visitor) is { } answer ? !answer : null);
                    i += Takes(words, i) ? 1 : 0;
                    break;
            }
        }

        return new FirewallRule(questions, verdict, target, isGoto);
    }

    private static Question Asked(string option, string value) => option switch
    {
        "-p" or "--protocol" => visitor => value is "all" || value == visitor.Protocol || value == (visitor.Protocol == "tcp" ? "6" : "17"),
        "--dport" or "--dports" or "--destination-port" or "--destination-ports" or "--ports" => visitor => Ports(value, visitor.Port),
        "-i" or "--in-interface" => _ => value == "lo" ? false : null,
        "--state" or "--ctstate" => _ => value.Split(',').Contains("NEW"),
        "--limit" or "--limit-burst" or "--comment" => _ => true,
        "--dst-type" => _ => value == "LOCAL",
        "--pkt-type" => _ => value == "unicast",

        // Only a first packet asks to come in.
        "--syn" => _ => true,
        _ => _ => null,
    };

    private static bool Ports(string list, int port) => list.Split(',').Any(entry =>
    {
        var ends = entry.Split(':');
        return int.TryParse(ends[0].Length == 0 ? "0" : ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out var from)
            && (ends.Length == 1 ? port == from : int.TryParse(ends[1].Length == 0 ? "65535" : ends[1], NumberStyles.None, CultureInfo.InvariantCulture, out var to) && port >= from && port <= to);
    });

    private static Verdict VerdictOf(string target) => target switch
    {
        "ACCEPT" => Verdict.Accept,
        "DROP" or "REJECT" or "TARPIT" or "NFQUEUE" => Verdict.Drop,
        "RETURN" => Verdict.Return,
        _ => Verdict.Continue,
    };

    private static bool Takes(List<string> words, int at) => at + 1 < words.Count && !words[at + 1].StartsWith('-') && words[at + 1] != "!";

    /// <summary>Words of the line; quotes hold some together, as a comment's.</summary>
    private static List<string> Words(string line)
    {
        var words = new List<string>();
        var word = new System.Text.StringBuilder();
        var (isQuoted, isOpen) = (false, false);
        for (var i = 0; i < line.Length; i++)
        {
            var c = line[i];
            if (c == '"')
            {
                (isQuoted, isOpen) = (!isQuoted, true);
            }
            else if (c == '\\' && isQuoted && i + 1 < line.Length)
            {
                word.Append(line[++i]);
            }
            else if (c == ' ' && !isQuoted)
            {
                Flush();
            }
            else
            {
                (_, isOpen) = (word.Append(c), true);
            }
        }

        Flush();
        return words;

        void Flush()
        {
            if (isOpen)
            {
                words.Add(word.ToString());
            }

            word.Clear();
            isOpen = false;
        }
    }
}
