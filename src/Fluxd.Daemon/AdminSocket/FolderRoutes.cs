using Fluxd.Core.Accounts;
using Fluxd.Core.Admin;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Fluxd.Daemon.AdminSocket;

/// <summary>Groups and shared folders.</summary>
internal sealed class FolderRoutes
{
    private readonly IAccounts _accounts;

    private FolderRoutes(IAccounts accounts) => _accounts = accounts;

    public static void Map(IEndpointRouteBuilder v1, IAccounts accounts)
    {
        var routes = new FolderRoutes(accounts);
        v1.MapCall("GET", "/groups", context => AdminCall.AnswerAsync(
            context, [.. accounts.Groups.Select(AdminRecordsOf.Group)], AdminJson.Default.IReadOnlyListGroupRecord));
        v1.MapCall("POST", "/groups", routes.AddGroupAsync);
        v1.MapCall("DELETE", "/groups/{name}", routes.RemoveGroupAsync);
        v1.MapCall("PUT", "/groups/{name}/members/{user}", context => routes.SetMemberAsync(context, true));
        v1.MapCall("DELETE", "/groups/{name}/members/{user}", context => routes.SetMemberAsync(context, false));
        v1.MapCall("GET", "/folders", context => AdminCall.AnswerAsync(
            context, [.. accounts.Folders.Select(AdminRecordsOf.Folder)], AdminJson.Default.IReadOnlyListFolderRecord));
        v1.MapCall("POST", "/folders", routes.AddFolderAsync);
        v1.MapCall("DELETE", "/folders/{name}", routes.RemoveFolderAsync);
        v1.MapCall("PUT", "/folders/{name}/rights", routes.SetRightAsync);
    }

    private async Task AddGroupAsync(HttpContext context)
    {
        var request = await AdminCall.ReadAsync(context, AdminJson.Default.AddGroupRequest);
        await AnswerAsync(context, await _accounts.AddGroupAsync(AdminCall.ActorOf(context), request.Name, context.RequestAborted));
    }

    private async Task RemoveGroupAsync(HttpContext context)
    {
        await _accounts.RemoveGroupAsync(AdminCall.ActorOf(context), AdminCall.Route(context, "name"), context.RequestAborted);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private async Task SetMemberAsync(HttpContext context, bool member) => await AnswerAsync(
        context,
        await _accounts.SetMemberAsync(
            AdminCall.ActorOf(context), AdminCall.Route(context, "name"), AdminCall.Route(context, "user"), member, context.RequestAborted));

    private async Task AddFolderAsync(HttpContext context)
    {
        var request = await AdminCall.ReadAsync(context, AdminJson.Default.AddFolderRequest);
        await AnswerAsync(
            context, await _accounts.AddFolderAsync(AdminCall.ActorOf(context), request.Name, request.QuotaBytes, request.QuotaFiles, context.RequestAborted));
    }

    private async Task RemoveFolderAsync(HttpContext context)
    {
        await _accounts.RemoveFolderAsync(AdminCall.ActorOf(context), AdminCall.Route(context, "name"), context.RequestAborted);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private async Task SetRightAsync(HttpContext context)
    {
        var request = await AdminCall.ReadAsync(context, AdminJson.Default.SetRightRequest);
        await AnswerAsync(
            context,
            await _accounts.SetRightAsync(
                AdminCall.ActorOf(context), AdminCall.Route(context, "name"), request.Holder, request.Group,
                AdminRecordsOf.Access(request.Access), context.RequestAborted));
    }

    private static Task AnswerAsync(HttpContext context, GroupInfo group) =>
        AdminCall.AnswerAsync(context, AdminRecordsOf.Group(group), AdminJson.Default.GroupRecord);

    private static Task AnswerAsync(HttpContext context, SharedFolderInfo folder) =>
        AdminCall.AnswerAsync(context, AdminRecordsOf.Folder(folder), AdminJson.Default.FolderRecord);
}
