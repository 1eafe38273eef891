using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Fluxd.Transports.Http.Auth;

internal sealed record JwtHeader(string Alg, string Typ = "JWT");

internal sealed record JwtClaims
{
    public string Iss { get; init; } = "fluxd";

    public required string Sub { get; init; }

    public required long Uid { get; init; }

    public required long Iat { get; init; }

    public required long Exp { get; init; }

    public required string Scope { get; init; }

    /// <summary>Base64url of the path prefix's bytes; absent for the root.</summary>
    public string? Path { get; init; }

    public required string Jti { get; init; }

    /// <summary>The kind of credential that asked for the token; a token dies with it.</summary>
    public required int Kind { get; init; }

    public string? Cid { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(JwtHeader))]
[JsonSerializable(typeof(JwtClaims))]
internal sealed partial class JwtJson : JsonSerializerContext;

/// <summary>Signs and verifies one algorithm; the algorithm is the server's choice, never the token's.</summary>
internal interface IJwtKey
{
    string Algorithm { get; }

    byte[] Sign(ReadOnlySpan<byte> data);

    bool Verify(ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature);
}

internal sealed class HmacKey(ReadOnlyMemory<byte> secret) : IJwtKey
{
    public string Algorithm => "HS256";

    public byte[] Sign(ReadOnlySpan<byte> data) => HMACSHA256.HashData(secret.Span, data);

    public bool Verify(ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature) =>
        CryptographicOperations.FixedTimeEquals(Sign(data), signature);
}

/// <summary>The compact form of RFC 7515. Pure: knows neither clock nor accounts.</summary>
internal static class JsonWebToken
{
    public static string Write(JwtClaims claims, IJwtKey key)
    {
        var head = Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(new JwtHeader(key.Algorithm), JwtJson.Default.JwtHeader));
        var body = Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(claims, JwtJson.Default.JwtClaims));
        var signature = Base64Url.EncodeToString(key.Sign(Encoding.ASCII.GetBytes($"{head}.{body}")));
        return $"{head}.{body}.{signature}";
    }

    /// <summary>The claims of a token whose signature holds, or null. Times are the caller's business.</summary>
    public static JwtClaims? Read(string token, IReadOnlyList<IJwtKey> keys)
    {
        var parts = token.Length <= HttpLimits.TokenCharsMax ? token.Split('.') : [];
        if (parts.Length != 3 || !TryDecode(parts[0], out var head) || !TryDecode(parts[1], out var body) || !TryDecode(parts[2], out var signature))
        {
            return null;
        }

        try
        {
            var algorithm = JsonSerializer.Deserialize(head, JwtJson.Default.JwtHeader)?.Alg;
            var key = keys.FirstOrDefault(k => k.Algorithm == algorithm);
            return key is not null && key.Verify(Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}"), signature)
                ? JsonSerializer.Deserialize(body, JwtJson.Default.JwtClaims)
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static bool TryDecode(string text, out byte[] bytes)
    {
        bytes = [];
        if (!Base64Url.IsValid(text))
        {
            return false;
        }

        bytes = Base64Url.DecodeFromChars(text);
        return true;
    }
}
