using Fluxd.Core.Admin;
using Fluxd.Store.Files;
using Microsoft.AspNetCore.Routing;

namespace Fluxd.Daemon.AdminSocket;

/// <summary>What removed users left, and its end. Beside "users", where a user may have any name.</summary>
internal sealed class PurgeRoutes(HomePurge purge) : IAdminRoutes
{
    public void Map(IEndpointRouteBuilder v1)
    {
        v1.MapCall("GET", "/removed-users", async context =>
            await AdminCall.AnswerAsync(context, await purge.ListAsync(context.RequestAborted), AdminJson.Default.IReadOnlyListRemovedUserRecord));

        // When the caller hangs up the purge ends between two slices, and goes on when it is asked for again.
        v1.MapCall("DELETE", "/removed-users/{who}", async context => await AdminCall.AnswerAsync(
            context, await purge.RunAsync(AdminCall.ActorOf(context), AdminCall.Route(context, "who"), context.RequestAborted), AdminJson.Default.RemovedUserRecord));
    }
}
