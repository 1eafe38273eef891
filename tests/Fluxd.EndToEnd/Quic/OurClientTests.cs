using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fluxd.Testing.Quic;
using Fluxd.Transports.Quic.Engine;
using Microsoft.AspNetCore.Connections;
using Xunit;

namespace Fluxd.EndToEnd.Quic;

/// <summary>Our engine as client against other people's server.</summary>
[Trait("Category", "Peers")]
public sealed class OurClientTests
{
    [QuicFact]
    public async Task Our_client_fetches_a_file_from_gtlsserver()
    {
        var folder = Directory.CreateTempSubdirectory("fluxd-gtlsserver-");
        Process? server = null;
        try
        {
            using var certificate = TestCertificate.Make();
            using var key = certificate.GetECDsaPrivateKey()!;
            var certPath = Path.Combine(folder.FullName, "cert.pem");
            var keyPath = Path.Combine(folder.FullName, "key.pem");
            await File.WriteAllTextAsync(certPath, certificate.ExportCertificatePem());
            await File.WriteAllTextAsync(keyPath, key.ExportPkcs8PrivateKeyPem());
            var content = RandomNumberGenerator.GetBytes(5_000_000);
            Directory.CreateDirectory(Path.Combine(folder.FullName, "www"));
            await File.WriteAllBytesAsync(Path.Combine(folder.FullName, "www", "index.html"), content);
            var port = QuicPair.FreePort();
            var program = File.Exists("/usr/sbin/gtlsserver") ? "/usr/sbin/gtlsserver" : "gtlsserver";
            server = Process.Start(program, ["--quiet", "-d", Path.Combine(folder.FullName, "www"), "127.0.0.1", $"{port}", keyPath, certPath]);

            await using var endpoint = QuicPair.NewClient();
            var connection = await Connect(endpoint, port, certificate);
            var body = await PlainHttp3.Get(connection, "localhost");
            Assert.Equal(SHA256.HashData(content), SHA256.HashData(body));
            connection.Close(0x100);
        }
        finally
        {
            if (server is not null)
            {
                server.Kill();
                await server.WaitForExitAsync();
                server.Dispose();
            }

            folder.Delete(recursive: true);
        }
    }

    private static async Task<QuicConnection> Connect(QuicEndpoint endpoint, int port, X509Certificate2 certificate)
    {
        var options = new QuicClientOptions
        {
            ServerName = "localhost",
            Protocol = PlainHttp3.Protocol,
            Verify = presented => presented[0].RawDataMemory.Span.SequenceEqual(certificate.RawDataMemory.Span),
            HandshakeTimeout = TimeSpan.FromSeconds(2),
        };
        for (var attempt = 0; ; attempt++)
        {
            var connection = endpoint.Connect(new IPEndPoint(IPAddress.Loopback, port), options);
            try
            {
                await connection.Handshake;
                return connection;
            }
            catch (Exception e) when (attempt < 5 && e is ConnectionAbortedException or ConnectionResetException)
            {
                // it is still starting
            }
        }
    }
}
