using System.Buffers.Binary;
using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;

namespace Fluxd.Transports.Http.Auth;

/// <summary>
/// URLs that carry one right for one path until a time: <c>?u=&amp;s=&amp;x=&amp;m=&amp;c=&amp;sig=</c>. Every part is in the
/// signature, and the credential that signed must still be good when the URL is used.
/// </summary>
internal sealed class SignedUrls(HttpServices services)
{
    private readonly byte[] _key = TokenIssuer.Derive(services.Secret, "signed-url");

    public (string PathAndQuery, DateTimeOffset Expires) Sign(Principal who, FilePath path, string method, TimeSpan lifetime)
    {
        var scope = method == "GET" ? Scopes.Read : method == "PUT" ? Scopes.Write
            : throw FluxException.Invalid("A URL can be signed for GET (download) or PUT (upload).");
        who.Require(scope);
        if (!path.IsWithin(who.PathPrefix))
        {
            throw FluxException.Denied("The path lies outside of what this credential may reach.");
        }

        var expires = DateTimeOffset.FromUnixTimeSeconds(services.Clock.GetUtcNow().Add(lifetime).ToUnixTimeSeconds());
        var seal = new Seal(who.UserId, who.UserName, method, expires.ToUnixTimeSeconds(), who.Credential, who.CredentialId, path);
        return ($"{HttpPaths.FilesUrl(path)}?{seal.Query}&sig={Base64Url.EncodeToString(Mac(seal))}", expires);
    }

    /// <summary>The principal of a signed request; null when the signature, the time or the method don't hold.</summary>
    public Principal? Verify(Exchange exchange)
    {
        var method = exchange.IsHead ? "GET" : exchange.Method;
        if (exchange.Query("sig") is not { } sig || !Base64Url.IsValid(sig)
            || !long.TryParse(exchange.Query("u"), NumberStyles.None, CultureInfo.InvariantCulture, out var user)
            || !long.TryParse(exchange.Query("x"), NumberStyles.None, CultureInfo.InvariantCulture, out var expires)
            || !int.TryParse(exchange.Query("k"), NumberStyles.None, CultureInfo.InvariantCulture, out var kind)
            || exchange.Query("m") != method)
        {
            return null;
        }

        var seal = new Seal(user, exchange.Query("n") ?? "", method, expires, (CredentialKind)kind, exchange.Query("c") ?? "", exchange.Path);
        if (!CryptographicOperations.FixedTimeEquals(Mac(seal), Base64Url.DecodeFromChars(sig)))
        {
            return null;
        }

        if (services.Clock.GetUtcNow().ToUnixTimeSeconds() >= expires)
        {
            throw new FluxException(FluxError.Gone, "This link has expired; ask for a new one.");
        }

        var signer = seal.Principal;
        return services.Authenticator.IsStillValid(signer) ? signer with { Credential = CredentialKind.SignedUrl } : null;
    }

    private byte[] Mac(Seal seal)
    {
        using var mac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, _key);
        Span<byte> length = stackalloc byte[4];
        foreach (var field in seal.Fields)
        {
            BinaryPrimitives.WriteInt32BigEndian(length, field.Length);
            mac.AppendData(length);
            mac.AppendData(field);
        }

        return mac.GetHashAndReset();
    }

    private sealed record Seal(long UserId, string UserName, string Method, long Expires, CredentialKind Kind, string CredentialId, FilePath Path)
    {
        public string Query =>
            $"u={UserId.ToString(CultureInfo.InvariantCulture)}&n={Uri.EscapeDataString(UserName)}&m={Method}&x={Expires.ToString(CultureInfo.InvariantCulture)}"
            + $"&k={((int)Kind).ToString(CultureInfo.InvariantCulture)}&c={Uri.EscapeDataString(CredentialId)}";

        public byte[][] Fields =>
        [
            Encoding.UTF8.GetBytes(Query), Path.ToBytes(),
        ];

        public Principal Principal => new()
        {
            UserId = UserId,
            UserName = UserName,
            Scopes = Method == "GET" ? Scopes.Read : Scopes.Write,
            PathPrefix = Path,
            Credential = Kind,
            CredentialId = CredentialId,
        };
    }
}
