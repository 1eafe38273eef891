namespace Fluxd.Transports.Ssh.Ciphers;

/// <summary>
/// One direction of one connection between two NEWKEYS. Not thread-safe: its owner (the reader, or the outbound lock)
/// calls it for packets in order. A packet is <c>length(4) padding-length(1) payload padding</c>, then the tag.
/// </summary>
internal abstract class PacketCipher : IDisposable
{
    /// <summary>What the padded part must be a multiple of.</summary>
    public abstract int BlockBytes { get; }

    public abstract int TagBytes { get; }

    /// <summary>The length field is outside what is padded (AEAD, etm).</summary>
    public abstract bool LengthIsApart { get; }

    /// <summary>Bytes that must be there before the length can be read.</summary>
    public virtual int HeaderBytes => 4;

    /// <summary>Encrypts in place and writes the tag behind.</summary>
    /// <param name="packet">From the length field to the end of the padding.</param>
    public abstract void Seal(uint sequence, Span<byte> packet, Span<byte> tag);

    /// <summary>The packet's length field. Called once a packet; may decrypt <paramref name="header"/> in place.</summary>
    public abstract uint OpenLength(uint sequence, Span<byte> header);

    /// <summary>Checks the tag and decrypts in place (the header is as <see cref="OpenLength"/> left it). False when the tag is wrong.</summary>
    public abstract bool TryOpen(uint sequence, Span<byte> packet, ReadOnlySpan<byte> tag);

    public abstract void Dispose();
}
