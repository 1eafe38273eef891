using System.Security.Cryptography;
using Fluxd.Transports.Ssh.Wire;

namespace Fluxd.Transports.Ssh.KeyExchange;

/// <summary>H of RFC 4253 (8) and the keys of 7.2.</summary>
internal static class ExchangeHash
{
    public static byte[] Compute(
        KeyExchangeMethod method, ReadOnlySpan<byte> clientVersion, ReadOnlySpan<byte> serverVersion, ReadOnlySpan<byte> clientInit,
        ReadOnlySpan<byte> serverInit, ReadOnlySpan<byte> hostKey, ReadOnlySpan<byte> clientValue, KeyExchangeResult result)
    {
        var writer = new SshWriter(4096)
            .String(clientVersion).String(serverVersion)
            .String(clientInit).String(serverInit)
            .String(hostKey);
        Encode(writer, method.Values, clientValue);
        Encode(writer, method.Values, result.ServerValue);
        Encode(writer, method.Secret, result.Secret);
        return CryptographicOperations.HashData(method.Hash, writer.Written);
    }

    /// <summary>K as it enters the hash of each key.</summary>
    public static byte[] EncodedSecret(KeyExchangeMethod method, ReadOnlySpan<byte> secret)
    {
        var writer = new SshWriter(64);
        Encode(writer, method.Secret, secret);
        return writer.ToArray();
    }

    /// <summary>The key of one letter, A to F, as long as needed.</summary>
    public static byte[] DeriveKey(HashAlgorithmName hash, ReadOnlySpan<byte> encodedSecret, ReadOnlySpan<byte> exchangeHash, char letter, ReadOnlySpan<byte> sessionId, int bytes)
    {
        var key = CryptographicOperations.HashData(hash, [.. encodedSecret, .. exchangeHash, (byte)letter, .. sessionId]);
        while (key.Length < bytes)
        {
            key = [.. key, .. CryptographicOperations.HashData(hash, [.. encodedSecret, .. exchangeHash, .. key])];
        }

        return key[..bytes];
    }

    public static void Encode(SshWriter writer, ValueEncoding encoding, ReadOnlySpan<byte> value)
    {
        if (encoding == ValueEncoding.Mpint)
        {
            writer.Mpint(value);
        }
        else
        {
            writer.String(value);
        }
    }
}
