using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using Fluxd.Transports.Quic.Engine;

namespace Fluxd.Testing.Quic;

/// <summary>The least of HTTP/3 (RFC 9114) that a server answers: empty SETTINGS, GETs and PUTs without dynamic compression.</summary>
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
        const byte Get = 0xd1;
        var request = await connection.OpenStreamAsync(bidirectional: true, CancellationToken.None);
        await request.Output!.WriteAsync(Head(Get, authority, path, authorization, []));
        await request.Output.CompleteAsync();
        return request.Input!;
    }

    /// <summary>The head of a PUT of so many bytes; its body is for the caller to write, each piece behind a <see cref="DataHead"/>.</summary>
    public static async Task<QuicStream> BeginPut(QuicConnection connection, string authority, string path, string authorization, long length)
    {
        const byte Put = 0xd5;
        var request = await connection.OpenStreamAsync(bidirectional: true, CancellationToken.None);
        await request.Output!.WriteAsync(Head(Put, authority, path, authorization, [0x54, .. Text(length.ToString(CultureInfo.InvariantCulture))]));
        return request;
    }

    /// <summary>What stands before so many bytes of a body, at most 2^30 - 1.</summary>
    public static byte[] DataHead(int bytes) => [0x00, (byte)(0x80 | (bytes >> 24)), (byte)(bytes >> 16), (byte)(bytes >> 8), (byte)bytes];

    private static byte[] Head(byte method, string authority, string path, string? authorization, byte[] more)
    {
        byte[] fields = [0x00, 0x00, method, 0xd7, 0x51, .. Text(path), 0x50, .. Text(authority), .. more]; // https, then names of the static table
        fields = authorization is null ? fields : [.. fields, 0x5f, 84 - 15, .. Text(authorization)];
        return [0x01, (byte)(0x40 | (fields.Length >> 8)), (byte)fields.Length, .. fields];
    }

    private static byte[] Text(string text) => [(byte)text.Length, .. Encoding.ASCII.GetBytes(text)];

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
