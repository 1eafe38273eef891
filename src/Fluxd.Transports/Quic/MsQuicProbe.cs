using System.Net;
using System.Net.Quic;
using System.Net.Security;
using System.Runtime.Versioning;
using System.Security.Cryptography.X509Certificates;

namespace Fluxd.Transports.Quic;

/// <summary>
/// The other engine, System.Net.Quic on libmsquic: used only when configured. Before it is trusted with a port it has to
/// complete a handshake with itself, since some releases of the library can't. Not yet run on a real libmsquic.
/// </summary>
internal static class MsQuicProbe
{
    public const string Missing =
        "QUIC and HTTP/3 are off: [quic] engine is \"msquic\" but libmsquic is not installed; install it, or set engine to \"auto\". Everything else runs.";

    public const string PortIsHeld =
        "QUIC and HTTP/3 are off: libmsquic opens its UDP port itself, and systemd holds it; run `systemctl mask --now fluxd-quic.socket`, or set [quic] engine to \"auto\". Everything else runs.";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private static readonly SslApplicationProtocol Protocol = new("self-test");

    public static bool IsAvailable => (OperatingSystem.IsLinux() || OperatingSystem.IsMacOS()) && QuicListener.IsSupported;

    /// <returns>Null after a handshake that was completed, else one plain line.</returns>
    public static async Task<string?> TryAsync(X509Certificate2 certificate, CancellationToken ct)
    {
        if (!IsAvailable || !(OperatingSystem.IsLinux() || OperatingSystem.IsMacOS()))
        {
            return Missing;
        }

        try
        {
            using var limited = CancellationTokenSource.CreateLinkedTokenSource(ct);
            limited.CancelAfter(Patience);
            await ShakeHandsAsync(certificate, limited.Token);
            return null;
        }
        catch (Exception e) when (e is QuicException or System.Security.Authentication.AuthenticationException or OperationCanceledException && !ct.IsCancellationRequested)
        {
            return $"QUIC and HTTP/3 are off: this libmsquic failed a handshake with itself ({e.Message}); set [quic] engine to \"auto\" to use libngtcp2. Everything else runs.";
        }
    }

    [SupportedOSPlatform("linux")]
    [SupportedOSPlatform("macos")]
    private static async Task ShakeHandsAsync(X509Certificate2 certificate, CancellationToken ct)
    {
        var server = new SslServerAuthenticationOptions { ApplicationProtocols = [Protocol], ServerCertificate = certificate };
        await using var listener = await QuicListener.ListenAsync(
            new QuicListenerOptions
            {
                ListenEndPoint = new IPEndPoint(IPAddress.Loopback, 0),
                ApplicationProtocols = [Protocol],
                ConnectionOptionsCallback = (_, _, _) => ValueTask.FromResult(new QuicServerConnectionOptions
                {
                    DefaultCloseErrorCode = 0,
                    DefaultStreamErrorCode = 0,
                    ServerAuthenticationOptions = server,
                }),
            },
            ct);
        var accepting = listener.AcceptConnectionAsync(ct).AsTask();
        await using var connection = await QuicConnection.ConnectAsync(
            new QuicClientConnectionOptions
            {
                RemoteEndPoint = listener.LocalEndPoint,
                DefaultCloseErrorCode = 0,
                DefaultStreamErrorCode = 0,
                ClientAuthenticationOptions = new SslClientAuthenticationOptions
                {
                    ApplicationProtocols = [Protocol],
                    TargetHost = "localhost",
                    RemoteCertificateValidationCallback = (_, presented, _, _) => presented?.GetRawCertData().AsSpan().SequenceEqual(certificate.RawData) == true,
                },
            },
            ct);
        await using var accepted = await accepting;
        await connection.CloseAsync(0, ct);
    }
}
