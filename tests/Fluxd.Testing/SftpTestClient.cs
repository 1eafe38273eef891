using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Text;

namespace Fluxd.Testing;

/// <summary>
/// Builds one SFTP packet from its parts: numbers as uint (4 bytes) or ulong (8), text and bytes as strings.
/// </summary>
public static class SftpBytes
{
    public static byte[] Body(params object[] parts)
    {
        using var stream = new MemoryStream();
        Span<byte> number = stackalloc byte[8];
        foreach (var part in parts)
        {
            switch (part)
            {
                case byte value:
                    stream.WriteByte(value);
                    break;
                case uint value:
                    BinaryPrimitives.WriteUInt32BigEndian(number, value);
                    stream.Write(number[..4]);
                    break;
                case ulong value:
                    BinaryPrimitives.WriteUInt64BigEndian(number, value);
                    stream.Write(number);
                    break;
                case string value:
                    stream.Write(Body((object)Encoding.UTF8.GetBytes(value)));
                    break;
                case byte[] value:
                    BinaryPrimitives.WriteUInt32BigEndian(number, (uint)value.Length);
                    stream.Write(number[..4]);
                    stream.Write(value);
                    break;
                default:
                    throw new ArgumentException($"no wire form for {part.GetType()}");
            }
        }

        return stream.ToArray();
    }
}

/// <summary>One answer; reading moves on through its fields.</summary>
public sealed class SftpAnswer(byte[] packet)
{
    private int _at = 5;

    public byte Type => packet[0];

    public uint Id => BinaryPrimitives.ReadUInt32BigEndian(packet.AsSpan(1));

    public int Remaining => packet.Length - _at;

    public uint UInt32()
    {
        _at += 4;
        return BinaryPrimitives.ReadUInt32BigEndian(packet.AsSpan(_at - 4));
    }

    public ulong UInt64()
    {
        _at += 8;
        return BinaryPrimitives.ReadUInt64BigEndian(packet.AsSpan(_at - 8));
    }

    public byte[] Bytes()
    {
        var length = (int)UInt32();
        _at += length;
        return packet[(_at - length).._at];
    }

    public string Text() => Encoding.UTF8.GetString(Bytes());

    /// <summary>The code of a STATUS; 0xFFFF when it is another answer.</summary>
    public uint Status => Type == 101 ? BinaryPrimitives.ReadUInt32BigEndian(packet.AsSpan(5)) : 0xFFFF;

    public (ulong Size, uint Mode, uint ModifiedAt) Attributes()
    {
        UInt32();
        var size = UInt64();
        UInt64();
        var mode = UInt32();
        UInt32();
        return (size, mode, UInt32());
    }
}

/// <summary>A plain SFTP client for tests: sends what it is told, well-formed or not.</summary>
public sealed class SftpTestClient(IDuplexPipe pipe)
{
    private uint _id;

    public async Task<SftpAnswer> InitAsync()
    {
        await SendRawAsync([1, .. SftpBytes.Body(3u)]);
        return await ReceiveAsync();
    }

    /// <summary>Sends without waiting; returns the request's id.</summary>
    public async Task<uint> SendAsync(byte type, params object[] parts)
    {
        var id = ++_id;
        await SendRawAsync([type, .. SftpBytes.Body(id), .. SftpBytes.Body(parts)]);
        return id;
    }

    public async Task<SftpAnswer> AskAsync(byte type, params object[] parts)
    {
        var id = await SendAsync(type, parts);
        var answer = await ReceiveAsync();
        return answer.Id == id ? answer : throw new InvalidOperationException($"answer {answer.Id} came for request {id}");
    }

    public async Task SendRawAsync(byte[] packet)
    {
        var length = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(length, (uint)packet.Length);
        await pipe.Output.WriteAsync((byte[])[.. length, .. packet]);
    }

    /// <summary>Bytes as they are, without a length in front.</summary>
    public async Task SendBytesAsync(byte[] bytes) => await pipe.Output.WriteAsync(bytes);

    public async Task<SftpAnswer> ReceiveAsync()
    {
        while (true)
        {
            var read = await pipe.Input.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(60));
            var buffer = read.Buffer;
            if (buffer.Length >= 4)
            {
                var length = BinaryPrimitives.ReadUInt32BigEndian(buffer.Slice(0, 4).ToArray());
                if (buffer.Length >= 4 + length)
                {
                    var packet = buffer.Slice(4, length).ToArray();
                    pipe.Input.AdvanceTo(buffer.GetPosition(4 + length));
                    return new SftpAnswer(packet);
                }
            }

            pipe.Input.AdvanceTo(buffer.Start, buffer.End);
            if (read.IsCompleted)
            {
                throw new EndOfStreamException("the server ended the channel");
            }
        }
    }

    public const byte Open = 3, Close = 4, Read = 5, Write = 6, LStat = 7, FStat = 8, SetStat = 9, FSetStat = 10, OpenDir = 11,
        ReadDir = 12, Remove = 13, MkDir = 14, RmDir = 15, RealPath = 16, Stat = 17, Rename = 18, ReadLink = 19, Symlink = 20, Extended = 200;

    public async Task<byte[]> OpenAsync(string path, uint flags)
    {
        var answer = await AskAsync(Open, path, flags, 0u);
        return answer.Type == 102 ? answer.Bytes() : throw new InvalidOperationException($"open {path}: status {answer.Status}");
    }

    public async Task<uint> WriteAsync(byte[] handle, ulong offset, byte[] data) => (await AskAsync(Write, handle, offset, data)).Status;

    public async Task<uint> CloseAsync(byte[] handle) => (await AskAsync(Close, handle)).Status;

    public async Task PutAsync(string path, byte[] data)
    {
        var handle = await OpenAsync(path, 0x1A);
        for (var at = 0; at < data.Length; at += 32768)
        {
            Expect(0, await WriteAsync(handle, (ulong)at, data[at..Math.Min(data.Length, at + 32768)]));
        }

        Expect(0, await CloseAsync(handle));
    }

    public async Task<byte[]> GetAsync(string path)
    {
        var handle = await OpenAsync(path, 1);
        using var all = new MemoryStream();
        while (true)
        {
            var answer = await AskAsync(Read, handle, (ulong)all.Length, 32768u);
            if (answer.Status == 1)
            {
                break;
            }

            all.Write(answer.Type == 103 ? answer.Bytes() : throw new InvalidOperationException($"read: status {answer.Status}"));
        }

        await CloseAsync(handle);
        return all.ToArray();
    }

    private static void Expect(uint status, uint got)
    {
        if (got != status)
        {
            throw new InvalidOperationException($"expected status {status}, got {got}");
        }
    }
}
