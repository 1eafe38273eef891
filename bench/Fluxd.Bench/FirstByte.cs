using System.Diagnostics;
using System.Net;
using System.Text;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Transports.Quic.Client;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fluxd.Bench;

/// <summary>
/// Milliseconds from nothing to a file's first byte over fluxd/1: handshake, then login and request in one flight. The
/// first connections of the process are not told: they compile the code. The token spares the slow check of a password.
/// </summary>
internal static class FirstByte
{
    private const int Unmeasured = 2, Measured = 5;

    public static async Task RunAsync(string server, string password, string path)
    {
        var endPoint = IPEndPoint.Parse(server);
        Credential credential = new PasswordCredential("admin", Encoding.UTF8.GetBytes(password));
        await using (var client = await ConnectAsync(endPoint, credential))
        {
            credential = new TokenCredential(await client.IssueTokenAsync(TimeSpan.FromHours(1), CancellationToken.None));
        }

        for (var turn = -Unmeasured; turn < Measured; turn++)
        {
            var begin = Stopwatch.GetTimestamp();
            await using var client = await ConnectAsync(endPoint, credential);
            await using var file = await client.GetAsync(FilePath.Parse(path), 0, -1, default, CancellationToken.None);
            var read = await file.Body.ReadAsync();
            var took = Stopwatch.GetElapsedTime(begin);
            file.Body.AdvanceTo(read.Buffer.End);
            if (turn >= 0)
            {
                Console.WriteLine($"first-byte-ms {took.TotalMilliseconds:F1}");
            }
        }
    }

    private static Task<FluxdClient> ConnectAsync(IPEndPoint server, Credential credential) => FluxdClient.ConnectAsync(
        new FluxdClientOptions { Server = server, ServerName = server.Address.ToString(), Credential = credential, TrustOnFirstUse = _ => true },
        NullLogger.Instance,
        CancellationToken.None);
}
