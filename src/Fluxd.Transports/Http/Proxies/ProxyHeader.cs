using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Text;

namespace Fluxd.Transports.Http.Proxies;

internal enum ProxyHeaderResult
{
    NeedMore,
    Bad,
    Good,
}

/// <summary>The PROXY protocol, versions 1 (text) and 2 (binary). A pure function of bytes.</summary>
internal static class ProxyHeader
{
    private const int VersionOneBytesMax = 107;

    private static ReadOnlySpan<byte> Signature => "\r\n\r\n\0\r\nQUIT\n"u8;

    /// <param name="client">The client's endpoint; null for a health check of the proxy itself (LOCAL, UNKNOWN).</param>
    public static ProxyHeaderResult Parse(ReadOnlySequence<byte> input, out int length, out IPEndPoint? client)
    {
        (length, client) = (0, null);
        Span<byte> copy = stackalloc byte[HttpLimits.ProxyHeaderBytesMax];
        var head = copy[..(int)Math.Min(copy.Length, input.Length)];
        input.Slice(0, head.Length).CopyTo(head);
        return head.IsEmpty ? ProxyHeaderResult.NeedMore
            : head[0] == 'P' ? ParseText(head, out length, out client)
            : ParseBinary(head, out length, out client);
    }

    private static ProxyHeaderResult ParseText(ReadOnlySpan<byte> head, out int length, out IPEndPoint? client)
    {
        (length, client) = (0, null);
        var end = head.IndexOf("\r\n"u8);
        if (end < 0 || end > VersionOneBytesMax)
        {
            return end < 0 && head.Length < VersionOneBytesMax ? ProxyHeaderResult.NeedMore : ProxyHeaderResult.Bad;
        }

        length = end + 2;
        var words = Encoding.ASCII.GetString(head[..end]).Split(' ');
        if (words is ["PROXY", "UNKNOWN", ..])
        {
            return ProxyHeaderResult.Good;
        }

        if (words is not ["PROXY", "TCP4" or "TCP6", var source, _, var port, _] || !IPAddress.TryParse(source, out var address)
            || !ushort.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            return ProxyHeaderResult.Bad;
        }

        client = new IPEndPoint(address, number);
        return ProxyHeaderResult.Good;
    }

    private static ProxyHeaderResult ParseBinary(ReadOnlySpan<byte> head, out int length, out IPEndPoint? client)
    {
        (length, client) = (0, null);
        var known = Math.Min(head.Length, Signature.Length);
        if (!head[..known].SequenceEqual(Signature[..known]))
        {
            return ProxyHeaderResult.Bad;
        }

        if (head.Length < 16)
        {
            return ProxyHeaderResult.NeedMore;
        }

        length = 16 + BinaryPrimitives.ReadUInt16BigEndian(head[14..]);
        if (head[12] >> 4 != 2 || length > HttpLimits.ProxyHeaderBytesMax)
        {
            return ProxyHeaderResult.Bad;
        }

        return head.Length < length ? ProxyHeaderResult.NeedMore : ReadAddress(head[..length], out client);
    }

    private static ProxyHeaderResult ReadAddress(ReadOnlySpan<byte> head, out IPEndPoint? client)
    {
        client = null;
        var command = head[12] & 0xF;
        var body = head[16..];
        switch (head[13])
        {
            case 0x11 when command == 1 && body.Length >= 12:
                client = new IPEndPoint(new IPAddress(body[..4]), BinaryPrimitives.ReadUInt16BigEndian(body[8..]));
                return ProxyHeaderResult.Good;
            case 0x21 when command == 1 && body.Length >= 36:
                client = new IPEndPoint(new IPAddress(body[..16]), BinaryPrimitives.ReadUInt16BigEndian(body[32..]));
                return ProxyHeaderResult.Good;
            default:
                return command == 0 || (command == 1 && head[13] == 0) ? ProxyHeaderResult.Good : ProxyHeaderResult.Bad;
        }
    }
}
