using System.IO.Pipelines;
using System.Text;
using Fluxd.Transports.Quic.Engine;

namespace Fluxd.Testing.Quic;

/// <summary>The least of HTTP/3 (RFC 9114) that a server answers: empty SETTINGS, GETs without dynamic compression.</summary>
internal static class PlainHttp3
{
    public const string Protocol = "h3";

    /// <summary>The body that https://AUTHORITY/ is answered with.</summary>
    public static async Task<byte[]> Get(QuicConnection connection, string authority)
    {
        await Begin(connection);
        var answer = await (await Ask(connection, authority, "/", authorization: null)).ReadToEnd();
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

    /// <summary>What comes before a connection's first request.</summary>
    public static async Task Begin(QuicConnection connection)
    {
        var control = await connection.OpenStreamAsync(bidirectional: false, CancellationToken.None);
        await control.Output!.WriteAsync(new byte[] { 0x00, 0x04, 0x00 });
    }

    /// <summary>A GET. Texts of at most 126 bytes.</summary>
    /// <returns>The frames of its answer.</returns>
    public static async Task<PipeReader> Ask(QuicConnection connection, string authority, string path, string? authorization)
    {
        var request = await connection.OpenStreamAsync(bidirectional: true, CancellationToken.None);
        byte[] fields = [0x00, 0x00, 0xd1, 0xd7, 0x51, .. Text(path), 0x50, .. Text(authority)]; // GET https, then names of the static table
        fields = authorization is null ? fields : [.. fields, 0x5f, 84 - 15, .. Text(authorization)];
        await request.Output!.WriteAsync((byte[])[0x01, .. Length(fields.Length), .. fields]);
        await request.Output.CompleteAsync();
        return request.Input!;

        static byte[] Text(string text) => [(byte)text.Length, .. Encoding.ASCII.GetBytes(text)];

        static byte[] Length(int length) => [(byte)(0x40 | (length >> 8)), (byte)length];
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
