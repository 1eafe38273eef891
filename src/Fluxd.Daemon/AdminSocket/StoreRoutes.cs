using Fluxd.Core.Accounts;
using Fluxd.Core.Admin;
using Fluxd.Store.Upkeep;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Fluxd.Daemon.AdminSocket;

/// <summary>The store's upkeep. A long call ends when the caller hangs up; what it found and copied so far stays.</summary>
internal sealed class StoreRoutes(StoreUpkeep upkeep, IAccounts accounts) : IAdminRoutes
{
    public void Map(IEndpointRouteBuilder v1)
    {
        v1.MapCall("GET", "/store/stat", async context =>
            await AdminCall.AnswerAsync(context, await upkeep.StatAsync(context.RequestAborted), AdminJson.Default.StoreStatRecord));
        v1.MapCall("POST", "/store/fsck", async context =>
            await AdminCall.AnswerAsync(
                context, await upkeep.CheckAsync(AdminCall.Query(context, "read-data") == "true", context.RequestAborted), AdminJson.Default.FsckRecord));
        v1.MapCall("POST", "/store/scrub", ScrubAsync);
        v1.MapCall("POST", "/store/gc", CollectAsync);
        v1.MapCall("POST", "/store/backup", BackupAsync);
        v1.MapCall("POST", "/store/export", ExportAsync);
        v1.MapCall("POST", "/store/copy", async context =>
            await AdminCall.AnswerAsync(context, await upkeep.CopyAsync(context.RequestAborted), AdminJson.Default.CopyRecord));
    }

    private async Task ScrubAsync(HttpContext context)
    {
        var limit = AdminCall.QueryNumber(context, "bytes-per-second") ?? UpkeepLimits.ScrubBytesPerSecond;
        await AdminCall.AnswerAsync(context, await upkeep.ScrubAsync(limit, context.RequestAborted), AdminJson.Default.ScrubRecord);
    }

    private async Task CollectAsync(HttpContext context)
    {
        var limit = AdminCall.QueryNumber(context, "bytes-per-second") ?? UpkeepLimits.MoveBytesPerSecond;
        var done = await upkeep.CollectAsync(AdminCall.Query(context, "dry-run") == "true", limit, context.RequestAborted);
        await AdminCall.AnswerAsync(context, done, AdminJson.Default.GcRecord);
    }

    private async Task BackupAsync(HttpContext context)
    {
        var request = await AdminCall.ReadAsync(context, AdminJson.Default.StoreFolderRequest);
        var made = await upkeep.BackupAsync(request.Folder, context.RequestAborted);
        accounts.Note(AdminCall.ActorOf(context), "store.backup", "", made.Folder);
        await AdminCall.AnswerAsync(context, made, AdminJson.Default.BackupRecord);
    }

    private async Task ExportAsync(HttpContext context)
    {
        var request = await AdminCall.ReadAsync(context, AdminJson.Default.StoreFolderRequest);
        var made = await upkeep.ExportAsync(request.Folder, context.RequestAborted);
        accounts.Note(AdminCall.ActorOf(context), "store.export", "", made.Folder);
        await AdminCall.AnswerAsync(context, made, AdminJson.Default.ExportRecord);
    }
}
