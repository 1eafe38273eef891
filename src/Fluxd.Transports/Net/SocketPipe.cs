using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;

namespace Fluxd.Transports.Net;

/// <summary>
/// A TCP connection as a duplex pipe without a pump of its own: a read goes to the socket when it is asked for, into big
/// pieces, and <see cref="PipeWriter.WriteAsync"/> sends the caller's memory without a copy. An idle connection holds no
/// buffer (it waits with a read of no bytes). Kestrel's transport reads 4 KiB at a time on another thread: at 1 GiB/s of
/// uploads that alone is half a million system calls and as many wake-ups for each GiB.
/// </summary>
internal sealed class SocketPipe : IDuplexPipe, IDisposable
{
    /// <summary>Several of a client's usual packets of 32 KiB in one call; most lie whole in one piece then.</summary>
    private const int ReadBytes = 256 * 1024;

    /// <summary>With less room than this in the last piece, a new one is taken.</summary>
    private const int ReadBytesMin = 32 * 1024;

    private readonly Socket _socket;
    private readonly NetworkStream _stream;

    /// <summary>Owns the socket from now on.</summary>
    public SocketPipe(Socket socket)
    {
        _socket = socket;
        _stream = new NetworkStream(socket, ownsSocket: true);
        Input = PipeReader.Create(_stream, new StreamPipeReaderOptions(MemoryPool<byte>.Shared, ReadBytes, ReadBytesMin, leaveOpen: true, useZeroByteReads: true));
        Output = PipeWriter.Create(_stream, new StreamPipeWriterOptions(leaveOpen: true));
    }

    public PipeReader Input { get; }

    public PipeWriter Output { get; }

    /// <summary>What was written is still delivered.</summary>
    public void Dispose()
    {
        try
        {
            _socket.Shutdown(SocketShutdown.Both);
        }
        catch (SocketException)
        {
            // The peer was faster.
        }

        _stream.Dispose();
    }
}
