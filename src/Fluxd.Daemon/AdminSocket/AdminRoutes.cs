using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Admin;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Fluxd.Daemon.AdminSocket;

/// <summary>The daemon itself: status, reload, sessions, transfers, audit, doctor. Accounts have their own file.</summary>
internal static class AdminRoutes
{
    /// <summary>A check that hangs must not hide the others' answers.</summary>
    private static readonly TimeSpan s_checkTimeout = TimeSpan.FromSeconds(10);

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
        v1.MapCall("GET", "/doctor", context => DoctorAsync(context, services));
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

    private static async Task DoctorAsync(HttpContext context, AdminServices services)
    {
        var results = await Task.WhenAll(services.Checks.Select(check => RunAsync(check, context.RequestAborted)));
        IReadOnlyList<CheckRecord> all = [.. results.SelectMany(result => result).OrderBy(result => result.Name, StringComparer.Ordinal)];
        await AdminCall.AnswerAsync(context, all, AdminJson.Default.IReadOnlyListCheckRecord);
    }

    private static async Task<IReadOnlyList<CheckRecord>> RunAsync(IDoctorCheck check, CancellationToken ct)
    {
        try
        {
            return await check.RunAsync(ct).AsTask().WaitAsync(s_checkTimeout, ct);
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            return [new CheckRecord(check.Name, CheckState.Bad, "The check itself failed: " + failure.Message, "Look at the daemon's log: journalctl -u fluxd")];
        }
    }
}
