using System.Buffers;
using System.Runtime.InteropServices;
using Fluxd.Transports.Ssh.Ciphers;

namespace Fluxd.Transports.Ssh.Wire;

/// <summary>
/// The receiving half: cuts packets out of the byte stream, checks and decrypts them. Owned by the connection's reader.
/// The payload is valid until the next call and until the reader advances; between bursts no buffer is held.
/// </summary>
internal sealed class InboundPackets : IDisposable
{
    private readonly byte[] _header = new byte[16];
    private PacketCipher _cipher = new PlainCipher();
    private byte[]? _packet;
    private int _length;

    /// <summary>Of the next packet.</summary>
    public uint Sequence { get; private set; }

    public long BytesUnderKey { get; private set; }

    public uint PacketsUnderKey { get; private set; }

    /// <summary>Takes one packet from the front of <paramref name="buffer"/>; false when it isn't all there yet.</summary>
    public bool TryRead(ref ReadOnlySequence<byte> buffer, out ReadOnlyMemory<byte> payload)
    {
        payload = default;
        var headerBytes = _cipher.HeaderBytes;
        if (_length == 0)
        {
            if (buffer.Length < headerBytes)
            {
                return false;
            }

            buffer.Slice(0, headerBytes).CopyTo(_header);
            _length = CheckedLength(_cipher.OpenLength(Sequence, _header.AsSpan(0, headerBytes)));
        }

        var total = 4 + _length + _cipher.TagBytes;
        if (buffer.Length < total)
        {
            return false;
        }

        var memory = WholePacket(buffer, headerBytes, total);
        var packet = memory.Span;
        _header.AsSpan(0, headerBytes).CopyTo(packet);
        buffer = buffer.Slice(total);
        if (!_cipher.TryOpen(Sequence, packet[..(4 + _length)], packet[(4 + _length)..total]))
        {
            throw new SshProtocolException(DisconnectReason.MacError, "A packet's authentication code is wrong.");
        }

        var padding = packet[4];
        if (padding < 4 || padding > _length - 2)
        {
            throw SshProtocolException.Malformed("its padding is wrong");
        }

        payload = memory.Slice(5, _length - 1 - padding);
        _length = 0;
        Sequence++;
        PacketsUnderKey++;
        BytesUnderKey += total;
        return true;
    }

    public void SwitchKeys(PacketCipher cipher, bool resetSequence)
    {
        _cipher.Dispose();
        _cipher = cipher;
        Sequence = resetSequence ? 0 : Sequence;
        BytesUnderKey = 0;
        PacketsUnderKey = 0;
    }

    /// <summary>Gives the buffer back before a wait.</summary>
    public void Release()
    {
        if (_packet is { } packet)
        {
            ArrayPool<byte>.Shared.Return(packet);
            _packet = null;
        }
    }

    public void Dispose()
    {
        Release();
        _cipher.Dispose();
    }

    /// <summary>
    /// Usually the packet lies in one piece of the reader's own memory and is decrypted where it is: until the reader
    /// advances, nobody else looks at these bytes, and it never looks at them twice.
    /// </summary>
    private Memory<byte> WholePacket(ReadOnlySequence<byte> buffer, int headerBytes, int total)
    {
        if (buffer.First.Length >= total)
        {
            return MemoryMarshal.AsMemory(buffer.First[..total]);
        }

        var packet = Rent(total);
        buffer.Slice(headerBytes, total - headerBytes).CopyTo(packet.Span[headerBytes..]);
        return packet;
    }

    private Memory<byte> Rent(int total)
    {
        if (_packet is null || _packet.Length < total)
        {
            Release();
            _packet = ArrayPool<byte>.Shared.Rent(total);
        }

        return _packet.AsMemory(0, total);
    }

    private int CheckedLength(uint length)
    {
        var aligned = _cipher.LengthIsApart ? length : length + 4;
        return length is >= SshLimits.PacketBytesMin and <= SshLimits.PacketBytesMax && aligned % _cipher.BlockBytes == 0 && aligned >= _cipher.HeaderBytes
            ? (int)length
            : throw new SshProtocolException(DisconnectReason.ProtocolError, "A packet's length is not possible.");
    }
}
