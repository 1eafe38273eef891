using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace Fluxd.Transports.Http.Tls;

/// <summary>
/// Gathers what goes into SslStream in pieces of a full record. Kestrel's own pipe has pieces of 4 KiB, each of which becomes
/// a record: the head of an answer and a small file's bytes would be encrypted, checked and handed down as two.
/// Holds memory only from a write to its flush. Inside of TLS, outside of HTTP.
/// </summary>
internal static class WholeRecords
{
    /// <summary>The plain bytes of a full record (RFC 8446, 5.1).</summary>
    private const int PieceBytes = 16 << 10;

    public static ConnectionDelegate Wrap(ConnectionDelegate next) => async connection =>
    {
        if (connection.Features.Get<ISslStreamFeature>()?.SslStream is not { } tls)
        {
            await next(connection);
            return;
        }

        var transport = connection.Transport;
        var output = PipeWriter.Create(tls, new StreamPipeWriterOptions(minimumBufferSize: PieceBytes, leaveOpen: true));
        connection.Transport = new Duplex(transport.Input, output);
        try
        {
            await next(connection);
        }
        finally
        {
            await output.CompleteAsync();
            connection.Transport = transport;
        }
    };

    private sealed record Duplex(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
