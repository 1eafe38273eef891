using System.Buffers.Text;
using System.Security.Cryptography;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;

namespace Fluxd.Transports.Http.Auth;

/// <summary>
/// Short-lived bearer tokens. A token holds what its asker had or less, and stops working when the credential
/// that asked for it does: <see cref="IAuthenticator.IsStillValid"/> is asked each time.
/// </summary>
internal sealed class TokenIssuer
{
    private readonly HttpServices _services;
    private readonly IJwtKey[] _keys;

    public TokenIssuer(HttpServices services)
    {
        _services = services;
        _keys = Keys(services.Secret);
    }

    private static IJwtKey[] Keys(ReadOnlyMemory<byte> secret) => [new HmacKey(Derive(secret, "jwt-hs256")), new Ed25519Key(Derive(secret, "jwt-eddsa"))];

    /// <summary>One secret, one key per purpose: a signature for one is none for another.</summary>
    public static byte[] Derive(ReadOnlyMemory<byte> secret, string purpose) =>
        HKDF.DeriveKey(HashAlgorithmName.SHA256, secret.ToArray(), 32, info: System.Text.Encoding.ASCII.GetBytes("fluxd/http/" + purpose));

    public IEnumerable<string> Algorithms => _keys.Select(k => k.Algorithm);

    public (string Token, Scopes Scopes) Issue(Principal who, Scopes wanted, FilePath prefix, TimeSpan lifetime, string? algorithm)
    {
        var key = _keys.FirstOrDefault(k => k.Algorithm == (algorithm ?? _keys[0].Algorithm))
            ?? throw FluxException.Invalid($"Tokens are signed with {string.Join(" or ", Algorithms)}.");
        if (!prefix.IsWithin(who.PathPrefix))
        {
            throw FluxException.Denied("The token's path must lie within that of the credential that asks for it.");
        }

        var scopes = wanted & who.Scopes & ~Scopes.Admin;
        var now = _services.Clock.GetUtcNow().ToUnixTimeSeconds();
        var claims = new JwtClaims
        {
            Sub = who.UserName,
            Uid = who.UserId,
            Iat = now,
            Exp = now + (long)lifetime.TotalSeconds,
            Scope = ScopeText.Write(scopes),
            Path = prefix.IsRoot ? null : Base64Url.EncodeToString(prefix.ToBytes()),
            Jti = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(9)),
            Kind = (int)who.Credential,
            Cid = who.CredentialId.Length == 0 ? null : who.CredentialId,
        };
        return (JsonWebToken.Write(claims, key), scopes);
    }

    /// <summary>The principal of a good token; null for any other, without saying why.</summary>
    public Principal? Verify(string token)
    {
        var now = _services.Clock.GetUtcNow().ToUnixTimeSeconds();
        if (JsonWebToken.Read(token, _keys) is not { Iss: "fluxd" } claims || now >= claims.Exp || claims.Iat > now + 60
            || claims.Exp - claims.Iat > HttpLimits.TokenLifetimeMax.TotalSeconds)
        {
            return null;
        }

        var who = new Principal
        {
            UserId = claims.Uid,
            UserName = claims.Sub,
            Scopes = ScopeText.Parse(claims.Scope),
            PathPrefix = claims.Path is null ? FilePath.Root : FilePath.Parse(Base64Url.DecodeFromChars(claims.Path)),
            Credential = (CredentialKind)claims.Kind,
            CredentialId = claims.Cid ?? "",
        };
        return _services.Authenticator.IsStillValid(who) ? who : null;
    }
}
