using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Admin;
using Fluxd.Daemon.Doctor;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Fluxd.Daemon.AdminSocket;

/// <summary>The daemon itself: status, reload, sessions, transfers, audit, doctor. Accounts have their own file.</summary>
internal static class AdminRoutes
{
    public static void Map(IEndpointRouteBuilder v1, AdminServices services)
    {
        v1.MapCall("GET", "/status", async context =>
            await AdminCall.AnswerAsync(context, await services.Daemon.StatusAsync(context.RequestAborted), AdminJson.Default.StatusRecord));
        v1.MapCall("POST", "/reload", context => ReloadAsync(context, services));
        v1.MapCall("GET", "/sessions", context =>
            AdminCall.AnswerAsync(context, [.. services.Sessions.List().Select(AdminRecordsOf.Session)], AdminJson.Default.IReadOnlyListSessionRecord));
        v1.MapCall("DELETE", "/sessions/{id}", context => KillAsync(context, services));
        v1.MapCall("GET", "/audit", context => AuditAsync(context, services));
        v1.MapCall("GET", "/transfers", context => AdminCall.AnswerAsync(
            context,
            [.. services.Transfers.Recent((int)Math.Clamp(AdminCall.QueryNumber(context, "count") ?? 20, 1, Limits.ListPageMax)).Select(AdminRecordsOf.Transfer)],
            AdminJson.Default.IReadOnlyListTransferRecord));
        v1.MapCall("GET", "/transfers/{id}", context => WhyAsync(context, services));
        v1.MapCall("GET", "/doctor", async context => await AdminCall.AnswerAsync(
            context, await DoctorRound.RunAsync(services.Checks, context.RequestAborted), AdminJson.Default.IReadOnlyListCheckRecord));
        UserRoutes.Map(v1, services.Accounts);
        FolderRoutes.Map(v1, services.Accounts);
    }

    private static async Task ReloadAsync(HttpContext context, AdminServices services)
    {
        var outcome = await services.Daemon.ReloadAsync(context.RequestAborted);
        services.Accounts.Note(AdminCall.ActorOf(context), "daemon.reload", "", outcome.Applied ? "applied" : "refused");
        await AdminCall.AnswerAsync(context, outcome, AdminJson.Default.ReloadRecord);
    }

    private static Task KillAsync(HttpContext context, AdminServices services)
    {
        var id = AdminCall.Route(context, "id");
        var session = services.Sessions.List().FirstOrDefault(session => session.Id == id);
        if (session is null || !services.Sessions.Kill(id))
        {
            throw FluxException.NotFound("There is no such session; it may have ended. See them with: fluxctl sessions list");
        }

        services.Accounts.Note(AdminCall.ActorOf(context), "session.kill", session.UserName, id);
        return AdminCall.AnswerAsync(context, AdminRecordsOf.Session(session), AdminJson.Default.SessionRecord);
    }

    private static async Task AuditAsync(HttpContext context, AdminServices services)
    {
        var query = new AuditQuery(
            AdminCall.Query(context, "who"), AdminCall.Query(context, "kind"), AdminCall.QueryNumber(context, "before"),
            (int)Math.Clamp(AdminCall.QueryNumber(context, "count") ?? 100, 1, Limits.ListPageMax));
        var page = await services.Accounts.AuditAsync(query, context.RequestAborted);
        await AdminCall.AnswerAsync(context, new AuditPageRecord([.. page.Entries.Select(AdminRecordsOf.Audit)], page.Next), AdminJson.Default.AuditPageRecord);
    }

    private static Task WhyAsync(HttpContext context, AdminServices services) =>
        services.Transfers.Find(AdminCall.Route(context, "id")) is { } report
            ? AdminCall.AnswerAsync(context, AdminRecordsOf.Transfer(report), AdminJson.Default.TransferRecord)
            : throw FluxException.NotFound("There is no transfer of this id any more, or never was; the newest are shown by: fluxctl why");
}
