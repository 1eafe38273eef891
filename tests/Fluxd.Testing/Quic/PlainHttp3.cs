using System.Text;
using Fluxd.Transports.Quic.Engine;

namespace Fluxd.Testing.Quic;

/// <summary>The least of HTTP/3 (RFC 9114) that a server answers: empty SETTINGS, one GET without dynamic compression.</summary>
internal static class PlainHttp3
{
    public const string Protocol = "h3";

    /// <summary>The body that https://AUTHORITY/ is answered with.</summary>
    public static async Task<byte[]> Get(QuicConnection connection, string authority)
    {
        var control = await connection.OpenStreamAsync(bidirectional: false, CancellationToken.None);
        await control.Output!.WriteAsync(new byte[] { 0x00, 0x04, 0x00 });
        var request = await connection.OpenStreamAsync(bidirectional: true, CancellationToken.None);
        byte[] fields = [0x00, 0x00, 0xd1, 0xd7, 0xc1, 0x50, (byte)authority.Length, .. Encoding.ASCII.GetBytes(authority)]; // GET https /
        await request.Output!.WriteAsync((byte[])[0x01, (byte)fields.Length, .. fields]);
        await request.Output.CompleteAsync();
        var answer = await request.Input!.ReadToEnd();
        var body = new MemoryStream();
        for (var at = 0; at < answer.Length;)
        {
            var type = Number(answer, ref at);
            var length = (int)Number(answer, ref at);
            if (type == 0)
            {
                body.Write(answer, at, length);
            }

            at += length;
        }

        return body.ToArray();
    }

    private static long Number(byte[] bytes, ref int at)
    {
        var size = 1 << (bytes[at] >> 6);
        long value = bytes[at] & 0x3f;
        for (var i = 1; i < size; i++)
        {
            value = (value << 8) | bytes[at + i];
        }

        at += size;
        return value;
    }
}
