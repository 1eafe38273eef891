using Fluxd.Core;
using Fluxd.Core.Admin;
using Fluxd.Transports.Ssh.HostKeys;
using Microsoft.AspNetCore.Routing;

namespace Fluxd.Daemon.AdminSocket;

/// <summary><c>fluxctl sftp …</c></summary>
/// <param name="keys">Null where SFTP is off.</param>
internal sealed class SftpRoutes(HostKeyStore? keys) : IAdminRoutes
{
    public void Map(IEndpointRouteBuilder v1) => v1.MapCall(
        "GET", "/sftp/hostkeys", context => AdminCall.AnswerAsync(context, Describe(), AdminJson.Default.IReadOnlyListHostKeyRecord));

    private IReadOnlyList<HostKeyRecord> Describe() => keys is null
        ? throw new FluxException(FluxError.Unavailable, "SFTP is off: there are no host keys. Set [sftp] enabled = true.")
        : [.. keys.Describe().Select(key => new HostKeyRecord(key.Type, key.Fingerprint, key.PublicKey, key.SshfpRecords, key.InUse))];
}
