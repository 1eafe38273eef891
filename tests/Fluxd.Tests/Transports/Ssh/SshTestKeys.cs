using System.Security.Cryptography;
using Fluxd.Transports.Ssh.HostKeys;
using Fluxd.Transports.Ssh.Wire;

namespace Fluxd.Tests.Transports.Ssh;

/// <summary>Users' keys and certificates made in the test: also what needs hardware elsewhere (sk-).</summary>
internal static class SshTestKeys
{
    public static (byte[] Seed, byte[] Public) Ed25519()
    {
        var seed = RandomNumberGenerator.GetBytes(32);
        var publicKey = new byte[32];
        Fluxd.Transports.Ssh.Crypto.Ed25519.PublicKey(seed, publicKey);
        return (seed, publicKey);
    }

    public static byte[] Ed25519Blob(byte[] publicKey) => new SshWriter().String("ssh-ed25519").String(publicKey).ToArray();

    public static byte[] SkEd25519Blob(byte[] publicKey, string application = "ssh:") =>
        new SshWriter().String("sk-ssh-ed25519@openssh.com").String(publicKey).String(application).ToArray();

    public static byte[] SignEd25519(byte[] seed, ReadOnlySpan<byte> data)
    {
        var signature = new byte[64];
        Fluxd.Transports.Ssh.Crypto.Ed25519.Sign(seed, data, signature);
        return new SshWriter().String("ssh-ed25519").String(signature).ToArray();
    }

    public static byte[] SignSkEd25519(byte[] seed, ReadOnlySpan<byte> data, byte flags = 1, string application = "ssh:")
    {
        var signed = new SshWriter().Raw(SHA256.HashData(System.Text.Encoding.ASCII.GetBytes(application))).Byte(flags).UInt32(7).Raw(SHA256.HashData(data)).ToArray();
        var signature = new byte[64];
        Fluxd.Transports.Ssh.Crypto.Ed25519.Sign(seed, signed, signature);
        return new SshWriter().String("sk-ssh-ed25519@openssh.com").String(signature).Byte(flags).UInt32(7).ToArray();
    }

    /// <summary>What a FIDO token with a P-256 key would hold.</summary>
    public static byte[] SkEcdsaBlob(ECDsa key, string application = "ssh:")
    {
        var point = key.ExportParameters(false).Q;
        return new SshWriter().String("sk-ecdsa-sha2-nistp256@openssh.com").String("nistp256").String((byte[])[4, .. point.X!, .. point.Y!]).String(application).ToArray();
    }

    public static byte[] SignSkEcdsa(ECDsa key, ReadOnlySpan<byte> data, byte flags = 1, string application = "ssh:")
    {
        var signed = new SshWriter().Raw(SHA256.HashData(System.Text.Encoding.ASCII.GetBytes(application))).Byte(flags).UInt32(9).Raw(SHA256.HashData(data)).ToArray();
        var rs = key.SignData(signed, HashAlgorithmName.SHA256);
        var pair = new SshWriter().Mpint(rs.AsSpan(0, 32)).Mpint(rs.AsSpan(32)).ToArray();
        return new SshWriter().String("sk-ecdsa-sha2-nistp256@openssh.com").String(pair).Byte(flags).UInt32(9).ToArray();
    }

    public static byte[] Certificate(
        HostKey authority, byte[] publicKey, string principal, ulong from = 0, ulong until = 100, uint type = 1, params (string Name, string Value)[] critical)
    {
        var principals = principal.Length == 0 ? new SshWriter() : new SshWriter().String(principal);
        var options = new SshWriter();
        foreach (var (name, value) in critical)
        {
            options.String(name).String(new SshWriter().String(value).Written);
        }

        var body = new SshWriter(600).String("ssh-ed25519-cert-v01@openssh.com").String(RandomNumberGenerator.GetBytes(32)).String(publicKey)
            .UInt64(7).UInt32(type).String("id").String(principals.Written).UInt64(from).UInt64(until)
            .String(options.Written).String("").String("").String(authority.PublicBlob);
        return body.String(authority.Sign(authority.Algorithms[0], body.Written)).ToArray();
    }
}
