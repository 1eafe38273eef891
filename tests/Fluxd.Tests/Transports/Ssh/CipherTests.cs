using System.Security.Cryptography;
using Fluxd.Transports.Ssh;
using Fluxd.Transports.Ssh.Ciphers;
using Xunit;

namespace Fluxd.Tests.Transports.Ssh;

public sealed class CipherTests
{
    public static TheoryData<string, string?> Pairs()
    {
        var data = new TheoryData<string, string?>();
        foreach (var cipher in SshAlgorithms.Compat.Ciphers)
        {
            foreach (var mac in cipher.IsAead ? new string?[] { null } : [.. SshAlgorithms.Compat.Macs.Select(m => m.Name)])
            {
                data.Add(cipher.Name, mac);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public void What_is_sealed_opens_again_and_nothing_else_does(string name, string? macName)
    {
        var (seal, open) = MakePair(name, macName);
        for (uint sequence = 0; sequence < 5; sequence++)
        {
            var packet = Packet(seal, 100 * (int)sequence);
            var plain = (byte[])packet.Clone();
            var tag = new byte[seal.TagBytes];
            seal.Seal(sequence, packet, tag);
            Assert.Equal((uint)packet.Length - 4, open.OpenLength(sequence, packet.AsSpan(0, open.HeaderBytes)));
            Assert.True(open.TryOpen(sequence, packet, tag));
            Assert.Equal(plain[4..], packet[4..]);
        }

        var touched = Packet(seal, 64);
        var lastTag = new byte[seal.TagBytes];
        seal.Seal(5, touched, lastTag);
        touched[^1] ^= 1;
        open.OpenLength(5, touched.AsSpan(0, open.HeaderBytes));
        Assert.False(open.TryOpen(5, touched, lastTag));
    }

    [Fact]
    public void Sealing_and_opening_allocate_nothing()
    {
        foreach (var pair in Pairs())
        {
            var (seal, open) = MakePair((string)pair[0], (string?)pair[1]);
            var packet = Packet(seal, 32 * 1024);
            var tag = new byte[seal.TagBytes];
            void Round(uint sequence)
            {
                seal.Seal(sequence, packet, tag);
                open.OpenLength(sequence, packet.AsSpan(0, open.HeaderBytes));
                Assert.True(open.TryOpen(sequence, packet, tag));
                packet[0] = packet[1] = 0;
                System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(packet, packet.Length - 4);
            }

            Round(0);
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (uint sequence = 1; sequence < 50; sequence++)
            {
                Round(sequence);
            }

            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1024);
        }
    }

    private static (PacketCipher Seal, PacketCipher Open) MakePair(string name, string? macName)
    {
        var algorithm = SshAlgorithms.Compat.Ciphers.Single(c => c.Name == name);
        var mac = SshAlgorithms.Compat.Macs.SingleOrDefault(m => m.Name == macName);
        var key = RandomNumberGenerator.GetBytes(algorithm.KeyBytes);
        var iv = RandomNumberGenerator.GetBytes(algorithm.IvBytes);
        var macKey = RandomNumberGenerator.GetBytes(mac?.Bytes ?? 0);
        return (algorithm.Create(key, iv, mac, macKey), algorithm.Create(key, iv, mac, macKey));
    }

    private static byte[] Packet(PacketCipher cipher, int payload)
    {
        var unit = cipher.BlockBytes;
        var aligned = (cipher.LengthIsApart ? 1 : 5) + payload + 4;
        var padded = (aligned + unit - 1) / unit * unit;
        var packet = RandomNumberGenerator.GetBytes(cipher.LengthIsApart ? padded + 4 : padded);
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(packet, packet.Length - 4);
        return packet;
    }
}
