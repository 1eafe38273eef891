using System.Runtime.InteropServices;
using Fluxd.Transports.Quic.Native;

namespace Fluxd.Transports.Quic.Engine;

/// <summary>
/// Lets the library fill datagrams from a connection's ready streams and sends them in batches: same path, same ECN,
/// same size, only the last shorter, as segmentation offload demands. One flush sends what the pacer lets out at once;
/// the rest follows by timer. Loop thread.
/// </summary>
internal sealed unsafe class PacketWriter(IUdpIo io) : IDisposable
{
    private const int BufferBytes = (QuicLimits.BatchDatagramsMax + 2) * QuicLimits.DatagramBytesMax;
    private const int VectorsMax = 8;

    // Enough for one datagram; more would only be measured again next time.
    private const int PeekBytes = 2048;

    private readonly byte* _buffer = (byte*)NativeMemory.AlignedAlloc(BufferBytes, 64);
    private int _filled;
    private int _segment;
    private byte _ecn;
    private SockAddress _from;
    private SockAddress _to;

    public void Flush(QuicConnection connection)
    {
        var now = connection.Now;
        var result = 0L;
        while (connection.Pacer.MayLeave(now))
        {
            var quantum = (long)NgTcp2.ngtcp2_conn_get_send_quantum(connection.Native);
            result = Write(connection, quantum, now);
            connection.Pacer.Sent(connection.Native, Math.Max(result, 0), now);

            // Our pacer has no timer for what it would let out now: whoever left it here would wait for the next packet to arrive.
            if (result < quantum || !connection.Pacer.IsOn)
            {
                break;
            }
        }

        SendBatch();
        if (result < 0)
        {
            connection.Fail((int)result);
        }
    }

    /// <summary>Fills datagrams with about so many bytes, as far as there is to send. Below 0: the connection failed.</summary>
    private long Write(QuicConnection connection, long quantum, ulong now)
    {
        ngtcp2_path_storage path = default;
        ngtcp2_pkt_info info = default;
        long total = 0;
        while (total < quantum)
        {
            path.path.local = new ngtcp2_addr { addr = &path.local_addrbuf };
            path.path.remote = new ngtcp2_addr { addr = &path.remote_addrbuf };
            var length = WriteOne(connection, &path.path, &info, now);
            if (length < 0)
            {
                return length;
            }

            if (length == 0)
            {
                break;
            }

            total += length;
            Collect((int)length, &path.path, info.ecn);
        }

        return total;
    }

    /// <summary>Writes the next datagram behind the batch. 0: nothing to send now; below 0: the connection failed.</summary>
    private nint WriteOne(QuicConnection connection, ngtcp2_path* path, ngtcp2_pkt_info* info, ulong now)
    {
        var vectors = stackalloc ngtcp2_vec[VectorsMax];
        while (true)
        {
            var stream = NextStream(connection);
            var count = stream?.Output!.Peek(vectors, VectorsMax, PeekBytes) ?? 0;
            var isLast = stream is not null && stream.Output!.IsCompleted && stream.Output.Peeked == stream.Output.Unsent;
            nint accepted = -1;
            var length = NgTcp2.ngtcp2_conn_writev_stream_versioned(
                connection.Native, path, NgTcp2.V1, info, _buffer + _filled, QuicLimits.DatagramBytesMax, &accepted,
                isLast ? NgTcp2.WriteStreamFin : 0, stream?.Id ?? -1, vectors, (nuint)count, now);
            if (stream is not null && accepted >= 0)
            {
                Took(connection, stream, accepted, isLast);
            }

            switch (length)
            {
                case NgTcp2.ErrStreamDataBlocked:
                    connection.Block(stream!); // until the peer gives credit
                    Dequeue(connection, stream!);
                    break;
                case NgTcp2.ErrStreamShutWrite or NgTcp2.ErrStreamNotFound:
                    stream!.OnWriteShut();
                    Dequeue(connection, stream);
                    break;
                case NgTcp2.ErrWriteMore:
                    break;
                default:
                    return length;
            }
        }
    }

    private static QuicStream? NextStream(QuicConnection connection)
    {
        while (connection.IsHandshakeDone && connection.Ready.Next is { } stream)
        {
            var output = stream.Output!;
            if (output is { IsCompleted: true, CompletedWith: not null } && !stream.IsWriteShut)
            {
                stream.ShutDownWrite(QuicErrors.WriterFailed);
            }

            if (!stream.IsClosed && !stream.IsWriteShut && (output.Unsent > 0 || (output.IsCompleted && !output.IsFinSent)))
            {
                return stream;
            }

            Dequeue(connection, stream);
        }

        return null;
    }

    private static void Took(QuicConnection connection, QuicStream stream, nint accepted, bool isLast)
    {
        connection.HasMoved = true;
        var output = stream.Output!;
        var peeked = output.Peeked;
        output.OnSent(accepted);
        output.IsFinSent = isLast && accepted == peeked;
        if (output.IsFinSent || output.Unsent == 0)
        {
            Dequeue(connection, stream);
            connection.Enqueue(stream); // the producer may have added or completed meanwhile
        }
        else
        {
            connection.Ready.Took(accepted);
        }
    }

    private static void Dequeue(QuicConnection connection, QuicStream stream)
    {
        connection.Ready.Dequeue();
        stream.IsQueued = false;
    }

    private void Collect(int length, ngtcp2_path* path, byte ecn)
    {
        var to = SockAddress.From(path->remote);
        var from = SockAddress.From(path->local);
        if (_filled > 0 && (length > _segment || ecn != _ecn || !to.SameAs(_to) || !from.SameAs(_from)))
        {
            var start = _buffer + _filled;
            SendBatch();
            Buffer.MemoryCopy(start, _buffer, BufferBytes, length);
        }

        if (_filled == 0)
        {
            _segment = length;
            _ecn = ecn;
            _to = to;
            _from = from;
        }

        _filled += length;
        if (length < _segment || _filled >= QuicLimits.BatchDatagramsMax * _segment || !io.CanBatch)
        {
            SendBatch();
        }
    }

    private void SendBatch()
    {
        if (_filled > 0)
        {
            io.Send(_buffer, _filled, _segment, _from, _to, _ecn);
            _filled = 0;
        }
    }

    public void Dispose() => NativeMemory.AlignedFree(_buffer);
}
