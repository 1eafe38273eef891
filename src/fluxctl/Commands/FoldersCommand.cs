using System.CommandLine;
using Fluxd.Core.Admin;

namespace Fluxctl.Commands;

internal static class FoldersCommand
{
    private static readonly Argument<string> s_folder = new("folder") { Description = "The shared folder's name" };
    private static readonly Argument<string> s_holder = new("holder") { Description = "A user's name, or a group's with --group" };
    private static readonly Argument<string> s_access = new("access") { Description = "read or write" };
    private static readonly Option<bool> s_group = new("--group") { Description = "The holder is a group" };
    private static readonly Option<string?> s_bytes = new("--bytes") { Description = "Quota in bytes: 10G, 1.5T, none", HelpName = "SIZE" };
    private static readonly Option<string?> s_files = new("--files") { Description = "Quota in files", HelpName = "COUNT" };

    public static Command Make() => new Verb("folders", "Shared folders: they appear in the root of everybody who has a right.").With(
        new Verb("add", "Makes a shared folder.", "fluxctl folders add Photos", "fluxctl folders add Photos --bytes 1T").With(s_folder, s_bytes, s_files).Does(AddAsync),
        new Verb("list", "All shared folders and who may what.", "fluxctl folders list").Does(async (context, ct) => context.Answer(
            await context.Daemon.GetAsync("folders", AdminJson.Default.IReadOnlyListFolderRecord, ct), AdminJson.Default.IReadOnlyListFolderRecord, PrintAll)),
        new Verb("remove", "Takes a shared folder from everybody's view. The files stay in the store.", "fluxctl folders remove Photos").With(s_folder).Does(async (context, ct) =>
        {
            await context.Daemon.DeleteAsync(PathOf(context), ct);
            return ExitCodes.Good;
        }),
        new Verb("grant", "Gives a user or a group a right.", "fluxctl folders grant Photos anna write", "fluxctl folders grant Photos family read --group")
            .With(s_folder, s_holder, s_access, s_group).Does((context, ct) => SetAsync(context, context.Get(s_access), ct)),
        new Verb("revoke", "Takes a right away, at once.", "fluxctl folders revoke Photos anna").With(s_folder, s_holder, s_group)
            .Does((context, ct) => SetAsync(context, null, ct)));

    private static string PathOf(Context context) => "folders/" + AdminClient.Part(context.Get(s_folder));

    private static async Task<int> AddAsync(Context context, CancellationToken ct)
    {
        var request = new AddFolderRequest(
            context.Get(s_folder),
            context.Get(s_bytes) is { } bytes ? Values.Size(bytes) : null,
            context.Get(s_files) is { } files ? Values.Count(files) : null);
        var folder = await context.Daemon.SendAsync(HttpMethod.Post, "folders", request, AdminJson.Default.AddFolderRequest, AdminJson.Default.FolderRecord, ct);
        return context.Answer(folder, AdminJson.Default.FolderRecord, made => Console.Out.WriteLine($"The shared folder {made.Name} was added; let somebody in: fluxctl folders grant {made.Name} USER write"));
    }

    private static async Task<int> SetAsync(Context context, string? access, CancellationToken ct)
    {
        var folder = await context.Daemon.SendAsync(
            HttpMethod.Put, PathOf(context) + "/rights", new SetRightRequest(context.Get(s_holder), context.Get(s_group), access),
            AdminJson.Default.SetRightRequest, AdminJson.Default.FolderRecord, ct);
        return context.Answer(folder, AdminJson.Default.FolderRecord, changed => Console.Out.WriteLine($"{changed.Name}: {Rights(changed)}"));
    }

    private static string Rights(FolderRecord folder) => folder.Rights.Count == 0
        ? "nobody"
        : string.Join(", ", folder.Rights.Select(right => $"{(right.Group ? "group " : "")}{right.Holder} {right.Access}"));

    private static void PrintAll(IReadOnlyList<FolderRecord> folders) => Show.Table(
        ["FOLDER", "QUOTA", "FILES", "RIGHTS"],
        folders.Select(folder => new[] { folder.Name, Show.Size(folder.QuotaBytes), Show.Count(folder.QuotaFiles), Rights(folder) }));
}
