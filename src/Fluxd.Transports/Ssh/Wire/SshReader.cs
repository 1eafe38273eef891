using System.Buffers.Binary;
using System.Text;

namespace Fluxd.Transports.Ssh.Wire;

/// <summary>
/// The data types of RFC 4251 (5) over a span. Every length is checked before it is used; what doesn't fit throws
/// <see cref="SshProtocolException"/>. Never copies, except where a name becomes a string.
/// </summary>
internal ref struct SshReader(ReadOnlySpan<byte> data)
{
    private ReadOnlySpan<byte> _rest = data;

    public readonly ReadOnlySpan<byte> Rest => _rest;

    public readonly bool AtEnd => _rest.IsEmpty;

    public byte Byte()
    {
        var value = Bytes(1)[0];
        return value;
    }

    public bool Boolean() => Byte() != 0;

    public uint UInt32() => BinaryPrimitives.ReadUInt32BigEndian(Bytes(4));

    public ulong UInt64() => BinaryPrimitives.ReadUInt64BigEndian(Bytes(8));

    public ReadOnlySpan<byte> Bytes(int count)
    {
        if (count < 0 || count > _rest.Length)
        {
            throw SshProtocolException.Malformed("it is shorter than its fields");
        }

        var taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }

    public ReadOnlySpan<byte> String(int maxBytes = SshLimits.PacketBytesMax)
    {
        var length = UInt32();
        if (length > (uint)maxBytes)
        {
            throw SshProtocolException.Malformed("a string is longer than allowed");
        }

        return Bytes((int)length);
    }

    /// <summary>A name of the protocol: printable US-ASCII (RFC 4251, 6).</summary>
    public string Name(int maxBytes = SshLimits.NameBytesMax)
    {
        var bytes = String(maxBytes);
        if (bytes.ContainsAnyExceptInRange((byte)0x21, (byte)0x7e))
        {
            throw SshProtocolException.Malformed("a name holds something other than printable US-ASCII");
        }

        return Encoding.ASCII.GetString(bytes);
    }

    /// <summary>Text for people, or a user name: UTF-8; broken sequences are refused, so that two spellings never meet in one name.</summary>
    public string Text(int maxBytes)
    {
        try
        {
            return StrictUtf8.GetString(String(maxBytes));
        }
        catch (DecoderFallbackException e)
        {
            throw new SshProtocolException(DisconnectReason.ProtocolError, "Malformed packet: a text is not UTF-8.", e);
        }
    }

    public IReadOnlyList<string> NameList()
    {
        var list = Encoding.ASCII.GetString(AsciiOnly(String(SshLimits.NameListBytesMax)));
        if (list.Length == 0)
        {
            return [];
        }

        var names = list.Split(',');
        return names.Length <= SshLimits.NamesPerListMax ? names : throw SshProtocolException.Malformed("a name list is too long");
    }

    /// <summary>A positive mpint without its sign byte.</summary>
    public ReadOnlySpan<byte> PositiveMpint(int maxBytes)
    {
        var bytes = String(maxBytes + 1);
        if (bytes.IsEmpty || (bytes[0] & 0x80) != 0 || (bytes[0] == 0 && (bytes.Length == 1 || (bytes[1] & 0x80) == 0)))
        {
            throw SshProtocolException.Malformed("a number is not a positive mpint");
        }

        return bytes[0] == 0 ? bytes[1..] : bytes;
    }

    public readonly void End()
    {
        if (!_rest.IsEmpty)
        {
            throw SshProtocolException.Malformed("it is longer than its fields");
        }
    }

    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    private static ReadOnlySpan<byte> AsciiOnly(ReadOnlySpan<byte> bytes) => bytes.ContainsAnyExceptInRange((byte)0x21, (byte)0x7e)
        ? throw SshProtocolException.Malformed("a name list holds something other than printable US-ASCII")
        : bytes;
}
