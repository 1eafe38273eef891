using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fluxd.Core.Accounts;
using Fluxd.Transports.Quic.Engine;

namespace Fluxd.Transports.Quic.Client;

public sealed record FluxdClientOptions
{
    public required IPEndPoint Server { get; init; }

    /// <summary>The name that the server was asked for by: goes into the handshake and is checked against the certificate.</summary>
    public required string ServerName { get; init; }

    /// <summary>A <see cref="PasswordCredential"/> or a <see cref="TokenCredential"/>.</summary>
    public required Credential Credential { get; init; }

    /// <summary>SHA-256 of the certificate in hex, pinned at the first login; null asks the system's roots.</summary>
    public string? PinnedFingerprint { get; init; }

    /// <summary>Asked with the fingerprint in hex when nobody vouches for the certificate and nothing is pinned; true trusts it.</summary>
    public Func<string, bool>? TrustOnFirstUse { get; init; }

    /// <summary>How this program calls itself in the server's list of sessions.</summary>
    public string ClientName { get; init; } = "";

    public Func<IPAddress, bool> IsLocal { get; init; } = IPAddress.IsLoopback;

    public TimeSpan KeepAlive { get; init; } = QuicLimits.ClientKeepAlive;

    public TimeSpan IdleTimeout { get; init; } = QuicLimits.IdleTimeout;

    internal QuicClientOptions ToEngine() => new()
    {
        ServerName = ServerName,
        Protocol = Protocol.FluxdProtocol.Alpn,
        Verify = certificates => ServerTrust.Judge(certificates, ServerName, PinnedFingerprint)
            || (PinnedFingerprint is null && TrustOnFirstUse?.Invoke(ServerTrust.FingerprintOf(certificates[0])) == true),
        IsLocal = IsLocal,
        KeepAlive = KeepAlive,
        IdleTimeout = IdleTimeout,
    };
}

/// <summary>Is this the server that was meant? By the pinned fingerprint alone, or by name and the system's roots.</summary>
internal static class ServerTrust
{
    public static string FingerprintOf(X509Certificate2 certificate) => Convert.ToHexString(SHA256.HashData(certificate.RawDataMemory.Span));

    public static bool Judge(IReadOnlyList<X509Certificate2> certificates, string serverName, string? pinned)
    {
        var leaf = certificates[0];
        if (pinned is not null)
        {
            return CryptographicOperations.FixedTimeEquals(Convert.FromHexString(pinned), SHA256.HashData(leaf.RawDataMemory.Span));
        }

        using var chain = new X509Chain();
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid("1.3.6.1.5.5.7.3.1")); // server authentication
        chain.ChainPolicy.ExtraStore.AddRange(certificates.Skip(1).ToArray());
        return leaf.MatchesHostname(serverName) && chain.Build(leaf);
    }
}
