using System.Buffers.Binary;

namespace Fluxd.Transports.Ssh.Ciphers;

/// <summary>Before the first NEWKEYS.</summary>
internal sealed class PlainCipher : PacketCipher
{
    public override int BlockBytes => 8;

    public override int TagBytes => 0;

    public override bool LengthIsApart => false;

    public override void Seal(uint sequence, Span<byte> packet, Span<byte> tag)
    {
    }

    public override uint OpenLength(uint sequence, Span<byte> header) => BinaryPrimitives.ReadUInt32BigEndian(header);

    public override bool TryOpen(uint sequence, Span<byte> packet, ReadOnlySpan<byte> tag) => true;

    public override void Dispose()
    {
    }
}
