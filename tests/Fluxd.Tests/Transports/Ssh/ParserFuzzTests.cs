using System.Buffers;
using System.Security.Cryptography;
using Fluxd.Transports.Ssh.Auth;
using Fluxd.Transports.Ssh.Channels;
using Fluxd.Transports.Ssh.HostKeys;
using Fluxd.Transports.Ssh.KeyExchange;
using Fluxd.Transports.Ssh.Wire;
using Xunit;
using Xunit.Abstractions;

namespace Fluxd.Tests.Transports.Ssh;

/// <summary>
/// Each parser takes random bytes and mutations of a good message: it either gives a result or throws the one exception
/// that ends the connection with a reason. Anything else is a fault.
/// </summary>
public sealed class ParserFuzzTests(ITestOutputHelper output)
{
    private const int Rounds = 3000;

    [Fact]
    public void KexInit_survives_any_bytes()
    {
        using var key = Ed25519HostKey.Create();
        var good = Negotiation.Offer(Fluxd.Transports.Ssh.SshAlgorithms.Compat, [key]).ToPayload();
        KexInit.Read(good);
        Fuzz(good, bytes => Negotiation.Agree(KexInit.Read(bytes), Fluxd.Transports.Ssh.SshAlgorithms.Default, [key]));
    }

    [Fact]
    public void The_version_line_survives_any_bytes() => Fuzz("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"u8.ToArray(), bytes =>
    {
        var buffer = new ReadOnlySequence<byte>(bytes);
        var skipped = 0;
        VersionLine.TryRead(ref buffer, ref skipped);
    });

    [Fact]
    public void The_packet_layer_survives_any_bytes()
    {
        byte[] good = [0, 0, 0, 12, 4, 2, 0, 0, 0, 2, 9, 9, 0, 0, 0, 0, 0, 0, 0, 12, 4, 2, 0, 0, 0, 2, 9, 9, 0, 0, 0, 0];
        Fuzz(good, bytes =>
        {
            using var packets = new InboundPackets();
            var buffer = new ReadOnlySequence<byte>(bytes);
            while (packets.TryRead(ref buffer, out _))
            {
            }
        });
    }

    [Fact]
    public void Signatures_and_keys_survive_any_bytes()
    {
        using var rsa = RsaHostKey.Create();
        using var ecdsa = EcdsaHostKey.Create();
        using var ed = Ed25519HostKey.Create();
        foreach (var (key, name) in new (HostKey, string)[] { (rsa, "rsa-sha2-512"), (ecdsa, "ecdsa-sha2-nistp256"), (ed, "ssh-ed25519") })
        {
            var algorithm = UserKeyAlgorithms.Find(name)!;
            var signature = key.Sign(name, "text"u8);
            Assert.True(UserSignature.Verify(algorithm, key.PublicBlob, signature, "text"u8));
            Fuzz(signature, bytes => Assert.True(!UserSignature.Verify(algorithm, key.PublicBlob, bytes, "text"u8) || bytes.AsSpan().SequenceEqual(signature)), 300);
            Fuzz(key.PublicBlob, bytes => Assert.True(!UserSignature.Verify(algorithm, bytes, signature, "text"u8) || bytes.AsSpan().SequenceEqual(key.PublicBlob)), 300);
        }
    }

    [Fact]
    public void Certificates_survive_any_bytes()
    {
        using var authority = Ed25519HostKey.Create();
        var good = SshTestKeys.Certificate(authority, SshTestKeys.Ed25519().Public, "anna");
        var algorithm = UserKeyAlgorithms.Find("ssh-ed25519-cert-v01@openssh.com")!;
        UserCertificate.Read(algorithm, good);
        var judges = SshUserAuthorities.Parse(["ssh-ed25519 " + Convert.ToBase64String(authority.PublicBlob)]);
        Fuzz(good, bytes => Assert.True(
            bytes.AsSpan().SequenceEqual(good)
            || !judges.Judge(UserCertificate.Read(algorithm, bytes), "anna", System.Net.IPAddress.Loopback, DateTimeOffset.UnixEpoch.AddSeconds(50)).Accepted));
    }

    [Fact]
    public void Command_lines_survive_any_bytes() =>
        Fuzz("scp -t '/a b/\"c' \"x\\\"y\" \\ z"u8.ToArray(), bytes => CommandLine.TrySplit(bytes, out _));

    [Fact]
    public void Private_key_files_survive_any_bytes()
    {
        using var key = Ed25519HostKey.Create();
        var good = System.Text.Encoding.Latin1.GetBytes(OpenSshKeyFile.Write(key, "fluxd"));
        Fuzz(good, bytes =>
        {
            try
            {
                OpenSshKeyFile.Read(System.Text.Encoding.Latin1.GetString(bytes)).Dispose();
            }
            catch (FormatException)
            {
                // In words for the admin.
            }
        });
    }

    [Fact]
    public void Key_exchange_values_survive_any_bytes()
    {
        foreach (var method in Fluxd.Transports.Ssh.SshAlgorithms.Compat.KeyExchange)
        {
            foreach (var length in new[] { 0, 1, 31, 32, 33, 65, 97, 133, 256, 512, 513, 1216, 2000 })
            {
                foreach (var fill in new byte?[] { 0, 1, 0xff, null })
                {
                    var value = RandomNumberGenerator.GetBytes(length);
                    if (fill is { } f)
                    {
                        value.AsSpan().Fill(f);
                    }

                    var error = Record.Exception(() => method.Answer(value));
                    Assert.True(error is null or SshProtocolException { Reason: DisconnectReason.KeyExchangeFailed }, $"{method.Name} {length}: {error}");
                }
            }
        }
    }

    private void Fuzz(byte[] good, Action<byte[]> parse, int rounds = Rounds)
    {
        var seed = Random.Shared.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        for (var round = 0; round < rounds; round++)
        {
            var bytes = Mutate(good, random);
            try
            {
                parse(bytes);
            }
            catch (SshProtocolException)
            {
                // The connection's end, with a reason.
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"seed {seed}, round {round}, bytes {Convert.ToHexString(bytes)}", e);
            }
        }
    }

    private static byte[] Mutate(byte[] good, Random random)
    {
        if (random.Next(8) == 0)
        {
            var noise = new byte[random.Next(600)];
            random.NextBytes(noise);
            return noise;
        }

        var bytes = good.ToList();
        for (var changes = random.Next(1, 5); changes > 0 && bytes.Count > 0; changes--)
        {
            var at = random.Next(bytes.Count);
            switch (random.Next(5))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = (byte)(random.Next(2) == 0 ? 0 : 255);
                    break;
                case 2:
                    bytes.RemoveRange(at, Math.Min(bytes.Count - at, random.Next(1, 20)));
                    break;
                case 3:
                    bytes.InsertRange(at, good.Take(random.Next(1, 30)));
                    break;
                default:
                    bytes[at] = (byte)random.Next(256);
                    break;
            }
        }

        return [.. bytes];
    }
}
