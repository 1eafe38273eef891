using Fluxd.Transports.Ssh.Ciphers;
using Fluxd.Transports.Ssh.HostKeys;
using Fluxd.Transports.Ssh.Wire;

namespace Fluxd.Transports.Ssh.KeyExchange;

/// <summary>What both sides agreed on.</summary>
/// <param name="IgnoreGuess">The client sent a first packet for a method that was not chosen.</param>
internal sealed record Negotiated(
    KeyExchangeMethod Method, HostKey HostKey, string HostKeyAlgorithm,
    CipherAlgorithm CipherIn, CipherAlgorithm CipherOut, MacAlgorithm? MacIn, MacAlgorithm? MacOut, bool IgnoreGuess)
{
    public override string ToString() =>
        $"{Method.Name} {HostKeyAlgorithm} in {CipherIn.Name}/{MacIn?.Name ?? "aead"} out {CipherOut.Name}/{MacOut?.Name ?? "aead"}";
}

/// <summary>RFC 4253 (7.1): of each list, the client's first name that the server has too.</summary>
internal static class Negotiation
{
    public const string StrictClient = "kex-strict-c-v00@openssh.com";
    public const string StrictServer = "kex-strict-s-v00@openssh.com";
    public const string ExtInfoClient = "ext-info-c";
    public const string ExtInfoServer = "ext-info-s";

    public static KexInit Offer(SshAlgorithms algorithms, IReadOnlyList<HostKey> hostKeys) => new()
    {
        KeyExchange = [.. algorithms.KeyExchange.Select(k => k.Name), ExtInfoServer, StrictServer],
        HostKeys = [.. hostKeys.SelectMany(k => k.Algorithms)],
        CiphersIn = Names(algorithms.Ciphers, c => c.Name),
        CiphersOut = Names(algorithms.Ciphers, c => c.Name),
        MacsIn = Names(algorithms.Macs, m => m.Name),
        MacsOut = Names(algorithms.Macs, m => m.Name),
        CompressionIn = ["none"],
        CompressionOut = ["none"],
    };

    public static Negotiated Agree(KexInit client, SshAlgorithms algorithms, IReadOnlyList<HostKey> hostKeys)
    {
        var method = Choose("key exchange", client.KeyExchange, algorithms.KeyExchange, k => k.Name);
        var hostKey = ChooseHostKey(client.HostKeys, hostKeys, out var hostKeyAlgorithm);
        var cipherIn = Choose("cipher", client.CiphersIn, algorithms.Ciphers, c => c.Name);
        var cipherOut = Choose("cipher", client.CiphersOut, algorithms.Ciphers, c => c.Name);
        var macIn = cipherIn.IsAead ? null : Choose("MAC", client.MacsIn, algorithms.Macs, m => m.Name);
        var macOut = cipherOut.IsAead ? null : Choose("MAC", client.MacsOut, algorithms.Macs, m => m.Name);
        if (!client.CompressionIn.Contains("none") || !client.CompressionOut.Contains("none"))
        {
            throw NoMatch("compression", client.CompressionIn);
        }

        var guessedWell = client.KeyExchange is [var firstMethod, ..] && firstMethod == algorithms.KeyExchange[0].Name
            && client.HostKeys is [var firstKey, ..] && firstKey == hostKeys[0].Algorithms[0];
        return new(method, hostKey, hostKeyAlgorithm, cipherIn, cipherOut, macIn, macOut, client.GuessFollows && !guessedWell);
    }

    private static T Choose<T>(string slot, IReadOnlyList<string> client, IReadOnlyList<T> server, Func<T, string> name)
        where T : class
    {
        foreach (var wanted in client)
        {
            if (server.FirstOrDefault(s => name(s) == wanted) is { } match)
            {
                return match;
            }
        }

        throw NoMatch(slot, client);
    }

    private static HostKey ChooseHostKey(IReadOnlyList<string> client, IReadOnlyList<HostKey> keys, out string algorithm)
    {
        foreach (var wanted in client)
        {
            if (keys.FirstOrDefault(k => k.Algorithms.Contains(wanted)) is { } match)
            {
                algorithm = wanted;
                return match;
            }
        }

        throw NoMatch("host key", client);
    }

    private static string[] Names<T>(IReadOnlyList<T> list, Func<T, string> name) => [.. list.Select(name)];

    private static SshProtocolException NoMatch(string slot, IReadOnlyList<string> client) => new(
        DisconnectReason.KeyExchangeFailed,
        $"No {slot} in common; the client offers {string.Join(',', client.Take(20))}. Older clients may need [sftp] compat = true.");
}
