using Fluxd.Core.Accounts;
using Fluxd.Core.Transfers;
using Fluxd.Core.Uploads;

namespace Fluxd.Transports.Quic.Protocol;

/// <content>
/// Timelines. One upload is many operations, side by side on their own streams: its timeline lives on the connection,
/// from the first of them to the commit or the connection's end.
/// </content>
internal sealed partial class FluxdConnection
{
    private readonly Dictionary<UploadId, ITransfer> _uploads = [];
    private string? _endedBecause;

    public ITransfer? Begin(Principal who, string kind, string? id = null) =>
        services.Transfers?.Begin(QuicFrontend.FrontendName, who.UserName, Peer.Address.ToString(), kind, id);

    /// <summary>Known to <c>fluxctl why</c> by the upload's id. Null where nobody keeps them, or too many run at once.</summary>
    public ITransfer? TransferOf(UploadId id, Principal who)
    {
        lock (_uploads)
        {
            if (_uploads.TryGetValue(id, out var known))
            {
                return known;
            }

            if (_uploads.Count >= FluxdProtocol.TimelinesPerConnectionMax || Begin(who, "upload", id.ToString()) is not { } begun)
            {
                return null;
            }

            return _uploads[id] = begun;
        }
    }

    public void EndTransfer(UploadId id, string outcome)
    {
        lock (_uploads)
        {
            if (_uploads.Remove(id, out var transfer))
            {
                transfer.End(outcome);
                transfer.Dispose();
            }
        }
    }

    private void EndTransfers()
    {
        lock (_uploads)
        {
            foreach (var transfer in _uploads.Values)
            {
                transfer.End(_endedBecause is { } reason ? $"server closed: {reason}" : "client closed");
                transfer.Dispose();
            }

            _uploads.Clear();
        }
    }
}
