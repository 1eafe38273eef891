using Fluxd.Transports.Ssh.Wire;

namespace Fluxd.Transports.Ssh.HostKeys;

/// <summary>A key that this server proves to hold. Thread-safe.</summary>
internal abstract class HostKey : IDisposable
{
    /// <summary>The key's type in its blob: <c>ssh-ed25519</c>, <c>ssh-rsa</c>, <c>ecdsa-sha2-nistp256</c>.</summary>
    public abstract string Type { get; }

    /// <summary>Signature algorithms it offers, best first.</summary>
    public abstract IReadOnlyList<string> Algorithms { get; }

    public abstract byte[] PublicBlob { get; }

    /// <summary>The signature in wire form: algorithm name and bytes.</summary>
    public byte[] Sign(string algorithm, ReadOnlySpan<byte> data) =>
        new SshWriter(600).String(algorithm).String(SignRaw(algorithm, data)).ToArray();

    protected abstract byte[] SignRaw(string algorithm, ReadOnlySpan<byte> data);

    /// <summary>The type's own fields of the private section of OpenSSH's key format.</summary>
    public abstract void WritePrivate(SshWriter writer);

    public abstract void Dispose();
}
