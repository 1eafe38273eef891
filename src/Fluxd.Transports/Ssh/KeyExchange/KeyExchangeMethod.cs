using System.Security.Cryptography;
using Fluxd.Transports.Ssh.Wire;

namespace Fluxd.Transports.Ssh.KeyExchange;

/// <summary>
/// A key exchange method as data: its name, its hash, how its values are encoded, and one pure step that answers a
/// client's value. A bad value throws <see cref="SshProtocolException"/> with KeyExchangeFailed.
/// </summary>
internal abstract class KeyExchangeMethod(string name, HashAlgorithmName hash, ValueEncoding values, ValueEncoding secret)
{
    public string Name { get; } = name;

    public HashAlgorithmName Hash { get; } = hash;

    public ValueEncoding Values { get; } = values;

    public ValueEncoding Secret { get; } = secret;

    public abstract KeyExchangeResult Answer(ReadOnlySpan<byte> clientValue);

    protected SshProtocolException Refused() => new(DisconnectReason.KeyExchangeFailed, $"The client's value for {Name} is not valid.");
}
