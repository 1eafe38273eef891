using System.Net;
using System.Net.Sockets;

namespace Fluxd.Core.Accounts;

/// <summary>
/// Where a request came from. <see cref="Address"/> is the client's own, also behind a trusted proxy.
/// <see cref="IsForwarded"/> peers are never local, whatever their address says.
/// </summary>
public sealed record PeerInfo(IPAddress Address, string Frontend, bool IsForwarded = false)
{
    public bool IsLoopback => !IsForwarded && IPAddress.IsLoopback(Address.IsIPv4MappedToIPv6 ? Address.MapToIPv4() : Address);

    /// <summary>What penalties and limiters count by: the IPv4 address, or the /64 that one IPv6 customer commands.</summary>
    public string Network
    {
        get
        {
            var plain = Address.IsIPv4MappedToIPv6 ? Address.MapToIPv4() : Address;
            if (plain.AddressFamily != AddressFamily.InterNetworkV6)
            {
                return plain.ToString();
            }

            var bytes = plain.GetAddressBytes();
            bytes.AsSpan(8).Clear();
            return new IPAddress(bytes) + "/64";
        }
    }
}

public abstract record Credential;

/// <param name="Password">UTF-8, exactly as it came; one with a NUL byte is refused.</param>
public sealed record PasswordCredential(string UserName, ReadOnlyMemory<byte> Password) : Credential;

/// <summary>An API key <c>flx_…</c>; where a protocol also names a user, both must agree.</summary>
public sealed record TokenCredential(string Token, string? UserName = null) : Credential;

/// <summary>A short-lived token of ours, whose signature and bounds the transport verified: a login on behalf of an earlier one.</summary>
public sealed record SessionTokenCredential(Principal Principal) : Credential;

/// <param name="Blob">The public key in SSH wire form.</param>
/// <param name="Proven">False only asks whether the key would do; true says that the transport verified a signature by it.</param>
public sealed record SshKeyCredential(string UserName, ReadOnlyMemory<byte> Blob, bool Proven) : Credential;

/// <summary>A user certificate whose CA, validity, principals and source address the transport verified.</summary>
public sealed record SshCertificateCredential(string UserName, string KeyId, ulong Serial, bool Proven) : Credential;

[Flags]
public enum AuthMethods
{
    None = 0,
    PublicKey = 1,
    Password = 2,
    Token = 4,
}

public enum AuthOutcome
{
    Success,

    /// <summary>Wrong, unknown, disabled, expired: one answer, one duration.</summary>
    Failure,

    /// <summary>Right, and the account asks for another method as well.</summary>
    Partial,

    /// <summary>Not tried: too many failures from there or on that account.</summary>
    RateLimited,
}

public sealed record AuthResult(AuthOutcome Outcome, Principal? Principal = null, AuthMethods Remaining = AuthMethods.None, TimeSpan? RetryAfter = null)
{
    public static readonly AuthResult Failed = new(AuthOutcome.Failure);
}

/// <summary>
/// The one judge of credentials for all frontends; penalties and the audit log are its business. Thread-safe.
/// Unknown users cost the same time and get the same words as wrong passwords.
/// </summary>
public interface IAuthenticator
{
    /// <param name="done">Methods that this connection has already passed (second factor).</param>
    ValueTask<AuthResult> AuthenticateAsync(Credential credential, PeerInfo peer, AuthMethods done, CancellationToken ct);

    /// <summary>
    /// Is what this principal used still good (user enabled, token not revoked or expired)? Cheap: served from memory,
    /// current within one committed account change. Long-lived connections ask before each operation.
    /// </summary>
    bool IsStillValid(Principal principal);
}
