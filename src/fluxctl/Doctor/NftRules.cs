using System.Globalization;
using System.Text.Json;

namespace Fluxctl.Doctor;

/// <summary>Reads <c>nft --json list ruleset</c> (libnftables-json(5)). What it doesn't know becomes a question without an answer.</summary>
internal static class NftRules
{
    /// <param name="foreign">Tables with matches that only iptables can print.</param>
    public static List<FirewallTable> Parse(string json, out HashSet<string> foreign)
    {
        var tables = new Dictionary<string, FirewallTable>(StringComparer.Ordinal);
        var sets = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        foreign = new HashSet<string>(StringComparer.Ordinal);
        using var document = JsonDocument.Parse(json);
        var all = document.RootElement.GetProperty("nftables").EnumerateArray().ToArray();
        foreach (var entry in all)
        {
            if (entry.TryGetProperty("chain", out var chain) && TableOf(tables, chain) is { } table)
            {
                var isEntry = Text(chain, "hook") is "input" or "prerouting" && Text(chain, "type") == "filter";
                table.Chains[Text(chain, "name")] = new FirewallChain(
                    Text(chain, "name"), !isEntry ? null : Text(chain, "policy") == "drop" ? Verdict.Drop : Verdict.Accept, isEntry ? chain.GetProperty("prio").GetInt32() : 0);
            }
            else if ((entry.TryGetProperty("set", out var set) || entry.TryGetProperty("map", out set)) && set.TryGetProperty("elem", out var elements))
            {
                sets[SetName(set, Text(set, "name"))] = elements.Clone();
            }
        }

        foreach (var entry in all)
        {
            if (entry.TryGetProperty("rule", out var rule) && TableOf(tables, rule) is { } table && table.Chains.TryGetValue(Text(rule, "chain"), out var chain))
            {
                // Asked long after the document is gone.
                var own = SetName(rule, "");
                var reader = new RuleReader(name => sets.TryGetValue(own + name, out var found) ? found : null);
                chain.Rules.AddRange(reader.Read(rule.GetProperty("expr")));
                _ = reader.IsForeign && foreign.Add(table.Name);
            }
        }

        return [.. tables.Values];
    }

    private static string SetName(JsonElement owner, string name) => $"{Text(owner, "family")} {Text(owner, "table")} {name}";

    private static FirewallTable? TableOf(Dictionary<string, FirewallTable> tables, JsonElement entry)
    {
        var family = Text(entry, "family");
        if (family is not ("ip" or "ip6" or "inet"))
        {
            return null;
        }

        var name = $"{family} {Text(entry, "table")}";
        return tables.TryGetValue(name, out var known) ? known : tables[name] = new FirewallTable(name, family is "ip" or "inet", family is "ip6" or "inet");
    }

    private static string Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";

    /// <summary>One rule: its matches, and what it does. A verdict map becomes one rule per element.</summary>
    private sealed class RuleReader(Func<string, JsonElement?> setNamed)
    {
        private readonly List<Question> _questions = [];

        public bool IsForeign { get; private set; }

        public List<FirewallRule> Read(JsonElement expressions)
        {
            var rules = new List<FirewallRule>();
            foreach (var statement in expressions.EnumerateArray().SelectMany(expression => expression.EnumerateObject()))
            {
                if (statement.Name == "vmap")
                {
                    rules.AddRange(ReadMap(statement.Value));
                }
                else if (VerdictOf(statement.Name, statement.Value) is { } rule)
                {
                    rules.Add(rule);
                }
                else
                {
                    Note(statement.Name, statement.Value);
                }
            }

            return rules;
        }

        private void Note(string kind, JsonElement value)
        {
            switch (kind)
            {
                case "match":
                    _questions.Add(Match(value.GetProperty("left"), Text(value, "op") == "!=", value.GetProperty("right").Clone()));
                    break;
                case "limit" when value.TryGetProperty("inv", out var over) && over.GetBoolean():
                    // "over": what exceeds the rate. A calm visitor doesn't.
                    _questions.Add(_ => false);
                    break;
                case "xt":
                    IsForeign = true;
                    _questions.Add(_ => null);
                    break;
                case "set" or "map" or "meter" or "ct count":
                    _questions.Add(_ => null);
                    break;
            }
        }

        private FirewallRule? VerdictOf(string name, JsonElement value) => name switch
        {
            "accept" => new FirewallRule([.. _questions], Verdict.Accept),
            "drop" or "reject" or "queue" => new FirewallRule([.. _questions], Verdict.Drop),
            "return" => new FirewallRule([.. _questions], Verdict.Return),
            "jump" or "goto" => new FirewallRule([.. _questions], Verdict.None, Text(value, "target"), name == "goto"),
            _ => null,
        };

        private IEnumerable<FirewallRule> ReadMap(JsonElement map)
        {
            var (key, data) = (map.GetProperty("key"), map.GetProperty("data"));
            var elements = data.ValueKind == JsonValueKind.String ? setNamed(data.GetString()!.TrimStart('@')) : data.TryGetProperty("set", out var inline) ? inline : null;
            if (elements is not { ValueKind: JsonValueKind.Array } pairs)
            {
                yield break;
            }

            foreach (var pair in pairs.EnumerateArray())
            {
                var verdict = pair[1].EnumerateObject().First();
                if (VerdictOf(verdict.Name, verdict.Value) is { } rule)
                {
                    yield return rule with { Questions = [.. _questions, Match(key, false, pair[0].Clone())] };
                }
            }
        }

        private Question Match(JsonElement left, bool isNegated, JsonElement right)
        {
            var question = Asked(left, right);
            return !isNegated ? question : visitor => question(visitor) is { } answer ? !answer : null;
        }

        private Question Asked(JsonElement left, JsonElement right)
        {
            if (left.TryGetProperty("meta", out var meta))
            {
                return Text(meta, "key") switch
                {
                    "l4proto" => visitor => Any(right, value => IsProtocol(value, visitor)),
                    "nfproto" => visitor => Any(right, value => Word(value) == (visitor.IsIPv6 ? "ipv6" : "ipv4")),
                    "protocol" => visitor => Any(right, value => Word(value) == (visitor.IsIPv6 ? "ip6" : "ip")),

                    // From elsewhere, so never through the loopback; which of the others can't be told.
                    "iif" or "iifname" => _ => Any(right, value => Word(value) == "lo" ? false : null),
                    "pkttype" => _ => Any(right, value => Word(value) is "host" or "unicast"),
                    _ => _ => null,
                };
            }

            if (left.TryGetProperty("ct", out var ct))
            {
                return Text(ct, "key") switch
                {
                    "state" => _ => Any(right, value => Word(value) == "new"),
                    "status" => _ => false,
                    _ => _ => null,
                };
            }

            return left.TryGetProperty("payload", out var payload) ? OfPayload(Text(payload, "protocol"), Text(payload, "field"), right) : _ => null;
        }

        private Question OfPayload(string protocol, string field, JsonElement right) => (protocol, field) switch
        {
            ("tcp" or "udp", "dport") => visitor => visitor.Protocol == protocol ? Any(right, value => IsPort(value, visitor.Port)) : false,
            ("th", "dport") => visitor => Any(right, value => IsPort(value, visitor.Port)),
            ("tcp" or "udp", _) => visitor => visitor.Protocol == protocol ? null : false,
            ("ip", "protocol") => visitor => visitor.IsIPv6 ? false : Any(right, value => IsProtocol(value, visitor)),
            ("ip6", "nexthdr") => visitor => visitor.IsIPv6 ? Any(right, value => IsProtocol(value, visitor)) : false,
            ("ip", _) => visitor => visitor.IsIPv6 ? false : null,
            ("ip6", _) => visitor => visitor.IsIPv6 ? null : false,
            ("icmp" or "icmpv6" or "igmp" or "sctp" or "dccp" or "esp" or "ah", _) => _ => false,
            _ => _ => null,
        };

        /// <summary>Does one of the values apply? Sets by name are looked up.</summary>
        private bool? Any(JsonElement right, Func<JsonElement, bool?> test)
        {
            var values = right.ValueKind switch
            {
                JsonValueKind.Array => right,
                JsonValueKind.Object when right.TryGetProperty("set", out var inline) => inline,
                JsonValueKind.String when right.GetString()!.StartsWith('@') => setNamed(right.GetString()![1..]) ?? default,
                _ => default,
            };
            if (values.ValueKind != JsonValueKind.Array)
            {
                return right.ValueKind == JsonValueKind.String && right.GetString()!.StartsWith('@') ? false : test(right);
            }

            var answers = values.EnumerateArray().Select(value => test(value.ValueKind == JsonValueKind.Object && value.TryGetProperty("elem", out var element) ? element.GetProperty("val") : value)).ToArray();
            return answers.Contains(true) ? true : answers.Contains(null) ? null : false;
        }

        private static bool? IsPort(JsonElement value, int port) => value.ValueKind switch
        {
            JsonValueKind.Number => value.GetInt32() == port,
            JsonValueKind.Object when value.TryGetProperty("range", out var range) => IsNumber(range[0], out var from) && IsNumber(range[1], out var to) ? port >= from && port <= to : null,

            // A service's name, or something computed.
            _ => null,
        };

        private static bool IsNumber(JsonElement value, out int number)
        {
            number = 0;
            return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out number);
        }

        private static bool? IsProtocol(JsonElement value, Visitor visitor) => Word(value) is var word && (word == visitor.Protocol || word == (visitor.Protocol == "tcp" ? "6" : "17"));

        private static string Word(JsonElement value) => value.ValueKind switch
        {
            JsonValueKind.String => value.GetString()!,
            JsonValueKind.Number => value.GetInt64().ToString(CultureInfo.InvariantCulture),
            _ => "",
        };
    }
}
