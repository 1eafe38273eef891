using System.Buffers.Binary;
using System.IO.Pipelines;
using Fluxd.Core.Files;

namespace Fluxd.Transports.Sftp;

/// <summary>
/// The channel's sending side. Answers come from the receive loop and from operations that waited for the disk, so
/// one gate orders them; data is read from the file straight into the pipe's memory.
/// </summary>
internal sealed class SftpOutput(PipeWriter pipe) : IDisposable
{
    private const int DataHeaderBytes = 4 + 1 + 4 + 4;
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly SftpPacket _packet = new();

    public async ValueTask SendAsync(Action<SftpPacket> build, bool flush, CancellationToken ct)
    {
        await _gate.WaitAsync(ct);
        try
        {
            build(_packet);
            await PutAsync(flush, ct);
        }
        finally
        {
            _gate.Release();
        }
    }

    public async ValueTask SendStatusAsync(uint id, SftpStatus status, string text, bool flush, CancellationToken ct)
    {
        await _gate.WaitAsync(ct);
        try
        {
            Status(id, status, text);
            await PutAsync(flush, ct);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Answers a READ: full unless the file ends, because some clients take a short answer for the end.</summary>
    public async ValueTask<int> SendDataAsync(uint id, IOpenFile file, long offset, int count, CancellationToken ct)
    {
        await _gate.WaitAsync(ct);
        try
        {
            var memory = pipe.GetMemory(DataHeaderBytes + count);
            var got = 0;
            while (got < count)
            {
                var read = await file.ReadAsync(offset + got, memory.Slice(DataHeaderBytes + got, count - got), ct);
                if (read == 0)
                {
                    break;
                }

                got += read;
            }

            if (got == 0)
            {
                Status(id, SftpStatus.Eof, "End of file");
                await PutAsync(flush: false, ct);
                return 0;
            }

            WriteDataHeader(memory.Span, id, got);
            pipe.Advance(DataHeaderBytes + got);
            return got;
        }
        finally
        {
            _gate.Release();
        }
    }

    public async ValueTask FlushAsync(CancellationToken ct)
    {
        await _gate.WaitAsync(ct);
        try
        {
            await pipe.FlushAsync(ct);
        }
        finally
        {
            _gate.Release();
        }
    }

    public void Dispose() => _gate.Dispose();

    private static void WriteDataHeader(Span<byte> span, uint id, int count)
    {
        BinaryPrimitives.WriteUInt32BigEndian(span, (uint)(DataHeaderBytes - 4 + count));
        span[4] = (byte)SftpPacketType.Data;
        BinaryPrimitives.WriteUInt32BigEndian(span[5..], id);
        BinaryPrimitives.WriteUInt32BigEndian(span[9..], (uint)count);
    }

    private void Status(uint id, SftpStatus status, string text) => _packet
        .Start(SftpPacketType.Status, id)
        .UInt32((uint)status)
        .String(text)
        .String("en"u8);

    private async ValueTask PutAsync(bool flush, CancellationToken ct)
    {
        Copy();
        if (flush)
        {
            await pipe.FlushAsync(ct);
        }
    }

    private void Copy()
    {
        var bytes = _packet.Finish();
        bytes.CopyTo(pipe.GetSpan(bytes.Length));
        pipe.Advance(bytes.Length);
    }
}
