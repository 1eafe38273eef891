using System.CommandLine;
using System.Globalization;
using Fluxd.Core.Admin;

namespace Fluxctl.Commands;

internal static class AuditCommand
{
    private static readonly Option<string?> s_who = new("--who") { Description = "Only lines by or about this user", HelpName = "NAME" };
    private static readonly Option<string?> s_kind = new("--kind") { Description = "Only this kind: login, login.refused, user, token, …", HelpName = "KIND" };
    private static readonly Option<int> s_count = new("--count") { Description = "How many lines, newest first", HelpName = "N", DefaultValueFactory = _ => 100 };
    private static readonly Option<long?> s_before = new("--before") { Description = "Lines before this sequence number (older pages)", HelpName = "SEQ" };

    public static Command Make() => new Verb(
        "audit", "Logins, refusals, and what administrators did, newest first.",
        "fluxctl audit", "fluxctl audit --kind login.refused", "fluxctl audit --who anna --count 1000 --json")
        .With(s_who, s_kind, s_count, s_before)
        .Does(async (context, ct) =>
        {
            var query = new List<string> { "count=" + context.Get(s_count).ToString(CultureInfo.InvariantCulture) };
            Add(query, "who", context.Get(s_who));
            Add(query, "kind", context.Get(s_kind));
            Add(query, "before", context.Get(s_before)?.ToString(CultureInfo.InvariantCulture));
            var page = await context.Daemon.GetAsync("audit?" + string.Join('&', query), AdminJson.Default.AuditPageRecord, ct);
            return context.Answer(page, AdminJson.Default.AuditPageRecord, Print);
        });

    private static void Add(List<string> query, string name, string? value)
    {
        if (value is not null)
        {
            query.Add(name + "=" + Uri.EscapeDataString(value));
        }
    }

    private static void Print(AuditPageRecord page)
    {
        Show.Table(
            ["SEQ", "WHEN", "WHAT", "BY", "ABOUT", "FROM", "OVER", "DETAIL"],
            page.Entries.Select(entry => new[]
            {
                Show.Count(entry.Sequence), Show.Time(entry.At), entry.Kind, entry.Actor, entry.Subject, entry.Peer, entry.Frontend, entry.Detail,
            }));
        if (page.Next is { } next)
        {
            Console.Error.WriteLine($"Older lines: --before {next}");
        }
    }
}
