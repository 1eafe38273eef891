namespace Fluxctl.Doctor;

/// <summary>A first packet from somewhere else to one of our ports.</summary>
internal sealed record Visitor(string Protocol, int Port, bool IsIPv6);

internal enum Passage
{
    Open,

    /// <summary>It depends on the sender's address, the interface, or something else that the rules ask.</summary>
    Depends,
    Blocked,
}

[Flags]
internal enum Verdict
{
    None = 0,
    Accept = 1,
    Drop = 2,

    /// <summary>The next rule decides.</summary>
    Continue = 4,

    /// <summary>The rule after the one that jumped here decides.</summary>
    Return = 8,
}

/// <summary>True, false, or null: it can't be told for just any visitor.</summary>
internal delegate bool? Question(Visitor visitor);

/// <param name="Target">The chain that a jump or goto leads to; null where the verdict says all.</param>
internal sealed record FirewallRule(IReadOnlyList<Question> Questions, Verdict Verdict, string? Target = null, bool IsGoto = false);

/// <param name="Policy">Of a base chain: what happens at its end; null for the others.</param>
internal sealed record FirewallChain(string Name, Verdict? Policy, int Priority)
{
    public List<FirewallRule> Rules { get; } = [];
}

/// <summary>
/// Rules of a packet filter, walked for a visitor whose address nobody knows: a chain's answer is every verdict that it
/// may come to. What can't be told apart counts as both. Only looks; the kernel is never asked to try.
/// </summary>
internal sealed record FirewallTable(string Name, bool ForIPv4, bool ForIPv6)
{
    private const int DepthMax = 16; // the kernel's own limit for jumps

    public Dictionary<string, FirewallChain> Chains { get; } = new(StringComparer.Ordinal);

    /// <summary>The base chains that a packet to this machine meets, in their order.</summary>
    public IEnumerable<FirewallChain> Entries => Chains.Values.Where(chain => chain.Policy is not null).OrderBy(chain => chain.Priority);

    public Passage For(Visitor visitor)
    {
        if (visitor.IsIPv6 ? !ForIPv6 : !ForIPv4)
        {
            return Passage.Open;
        }

        var worst = Passage.Open;
        foreach (var entry in Entries)
        {
            var verdicts = Walk(entry, visitor, 0);
            var ended = (verdicts & (Verdict.Accept | Verdict.Drop)) | ((verdicts & (Verdict.Continue | Verdict.Return)) != 0 ? entry.Policy!.Value : Verdict.None);
            var passage = (ended & Verdict.Drop) == 0 ? Passage.Open : (ended & Verdict.Accept) == 0 ? Passage.Blocked : Passage.Depends;
            worst = passage > worst ? passage : worst;
        }

        return worst;
    }

    private Verdict Walk(FirewallChain chain, Visitor visitor, int depth)
    {
        var may = Verdict.None;
        foreach (var rule in chain.Rules)
        {
            var applies = All(rule.Questions, visitor);
            if (applies == false)
            {
                continue;
            }

            var verdict = VerdictOf(rule, visitor, depth);
            may |= verdict & ~Verdict.Continue;
            if (applies == true && (verdict & Verdict.Continue) == 0)
            {
                return may;
            }
        }

        return may | Verdict.Continue;
    }

    private Verdict VerdictOf(FirewallRule rule, Visitor visitor, int depth)
    {
        if (rule.Target is null)
        {
            return rule.Verdict;
        }

        if (depth == DepthMax || !Chains.TryGetValue(rule.Target, out var target))
        {
            return Verdict.Continue;
        }

        var verdict = Walk(target, visitor, depth + 1);
        var cameBack = (verdict & (Verdict.Continue | Verdict.Return)) != 0;
        return (verdict & (Verdict.Accept | Verdict.Drop)) | (!cameBack ? Verdict.None : rule.IsGoto ? Verdict.Return : Verdict.Continue);
    }

    private static bool? All(IReadOnlyList<Question> questions, Visitor visitor)
    {
        bool? all = true;
        foreach (var question in questions)
        {
            var answer = question(visitor);
            if (answer == false)
            {
                return false;
            }

            all = answer is null ? null : all;
        }

        return all;
    }
}
