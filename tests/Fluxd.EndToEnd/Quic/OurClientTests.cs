using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
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
            var port = FreePort();
            var program = File.Exists("/usr/sbin/gtlsserver") ? "/usr/sbin/gtlsserver" : "gtlsserver";
            server = Process.Start(program, ["--quiet", "-d", Path.Combine(folder.FullName, "www"), "127.0.0.1", $"{port}", keyPath, certPath]);

            await using var endpoint = QuicPair.NewClient();
            var connection = await Connect(endpoint, port, certificate);
            var body = await Get(connection, "localhost");
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
            Protocol = "h3",
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

    /// <summary>The least of HTTP/3 (RFC 9114) that a server answers: empty SETTINGS, one GET without dynamic compression.</summary>
    private static async Task<byte[]> Get(QuicConnection connection, string authority)
    {
        var control = await connection.OpenStreamAsync(bidirectional: false, CancellationToken.None);
        await control.Output!.WriteAsync(new byte[] { 0x00, 0x04, 0x00 });
        var request = await connection.OpenStreamAsync(bidirectional: true, CancellationToken.None);
        byte[] fields = [0x00, 0x00, 0xd1, 0xd7, 0xc1, 0x50, (byte)authority.Length, .. Encoding.ASCII.GetBytes(authority)]; // GET https /
        await request.Output!.WriteAsync((byte[])[0x01, (byte)fields.Length, .. fields]);
        await request.Output.CompleteAsync();
        var answer = await request.Input!.ReadToEnd();
        var body = new MemoryStream();
        for (var at = 0; at < answer.Length;)
        {
            var type = Number(answer, ref at);
            var length = (int)Number(answer, ref at);
            if (type == 0)
            {
                body.Write(answer, at, length);
            }

            at += length;
        }

        return body.ToArray();
    }

    private static long Number(byte[] bytes, ref int at)
    {
        var size = 1 << (bytes[at] >> 6);
        long value = bytes[at] & 0x3f;
        for (var i = 1; i < size; i++)
        {
            value = (value << 8) | bytes[at + i];
        }

        at += size;
        return value;
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
