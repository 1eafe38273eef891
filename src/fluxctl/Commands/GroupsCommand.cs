using System.CommandLine;
using Fluxd.Core.Admin;

namespace Fluxctl.Commands;

internal static class GroupsCommand
{
    private static readonly Argument<string> s_group = new("group") { Description = "The group's name" };
    private static readonly Argument<string> s_user = new("user") { Description = "The user's name" };

    public static Command Make() => new Verb("groups", "Groups of users, for rights on shared folders.").With(
        new Verb("add", "Makes a group.", "fluxctl groups add family").With(s_group).Does(async (context, ct) => context.Answer(
            await context.Daemon.SendAsync(
                HttpMethod.Post, "groups", new AddGroupRequest(context.Get(s_group)), AdminJson.Default.AddGroupRequest, AdminJson.Default.GroupRecord, ct),
            AdminJson.Default.GroupRecord, group => Console.Out.WriteLine($"The group {group.Name} was added."))),
        new Verb("list", "All groups and their members.", "fluxctl groups list").Does(async (context, ct) => context.Answer(
            await context.Daemon.GetAsync("groups", AdminJson.Default.IReadOnlyListGroupRecord, ct), AdminJson.Default.IReadOnlyListGroupRecord,
            groups => Show.Table(["GROUP", "MEMBERS"], groups.Select(group => new[] { group.Name, string.Join(", ", group.Members) })))),
        new Verb("remove", "Removes a group and the rights that it gave.", "fluxctl groups remove family").With(s_group).Does(async (context, ct) =>
        {
            await context.Daemon.DeleteAsync("groups/" + AdminClient.Part(context.Get(s_group)), ct);
            return ExitCodes.Good;
        }),
        new Verb("join", "Takes a user in.", "fluxctl groups join family anna").With(s_group, s_user)
            .Does(async (context, ct) => Print(context, await context.Daemon.PutAsync(PathOf(context), AdminJson.Default.GroupRecord, ct))),
        new Verb("leave", "Takes a user out.", "fluxctl groups leave family anna").With(s_group, s_user)
            .Does(async (context, ct) => Print(context, await context.Daemon.DeleteAsync(PathOf(context), AdminJson.Default.GroupRecord, ct))));

    private static string PathOf(Context context) => $"groups/{AdminClient.Part(context.Get(s_group))}/members/{AdminClient.Part(context.Get(s_user))}";

    private static int Print(Context context, GroupRecord group) => context.Answer(
        group, AdminJson.Default.GroupRecord, changed => Console.Out.WriteLine($"{changed.Name}: {(changed.Members.Count == 0 ? "nobody" : string.Join(", ", changed.Members))}"));
}
