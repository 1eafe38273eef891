using Fluxd.Core.Accounts;
using Fluxd.Core.Admin;
using Fluxd.Core.Coordination;
using Fluxd.Core.Transfers;
using Microsoft.AspNetCore.Routing;

namespace Fluxd.Daemon.AdminSocket;

/// <summary>What the admin socket serves. The composition root fills it.</summary>
internal sealed record AdminServices(IAccounts Accounts, ISessions Sessions, ITransfers Transfers, IDaemonControl Daemon)
{
    /// <summary>Each part registers its own.</summary>
    public IReadOnlyList<IDoctorCheck> Checks { get; init; } = [];

    /// <summary>Routes of other parts (<c>fluxctl store …</c>, <c>fluxctl sftp …</c>).</summary>
    public IReadOnlyList<IAdminRoutes> Routes { get; init; } = [];
}

/// <summary>A part's own calls on the admin socket. Peers are checked and errors become problems before and after it.</summary>
internal interface IAdminRoutes
{
    /// <param name="v1">Already below <c>/v1</c>.</param>
    void Map(IEndpointRouteBuilder v1);
}

/// <param name="SocketPath"><c>[admin] socket</c>.</param>
internal sealed record AdminOptions(string SocketPath)
{
    /// <summary>Members may use the socket, where the system has such a group.</summary>
    public string Group { get; init; } = "fluxd";

    /// <summary>A listening socket that systemd made; then the path's owner and mode are systemd's business.</summary>
    public ulong? InheritedHandle { get; init; }

    /// <summary>Further users who may; for tests that can't be root.</summary>
    public Func<PeerCredentials, bool>? MayEnter { get; init; }
}
