using System.IO.Pipelines;
using Fluxd.Transports.Quic.Engine;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace Fluxd.Transports.Quic.Kestrel;

/// <summary>A stream of our engine as ASP.NET sees it.</summary>
internal sealed class NgtcpStreamContext : ConnectionContext, IPersistentStateFeature, IStreamDirectionFeature, IProtocolErrorCodeFeature,
    IStreamIdFeature, IStreamAbortFeature, IStreamClosedFeature
{
    private static readonly PipeReader NoInput = EndedReader();
    private static readonly PipeWriter NoOutput = PipeWriter.Create(Stream.Null);

    private readonly QuicStream _stream;
    private readonly CancellationTokenSource _closed = new();
    private readonly Task _watch;
    private IDictionary<object, object?>? _state;
    private long _error = -1;
    private int _isAborted;

    public NgtcpStreamContext(NgtcpConnectionContext connection, QuicStream stream)
    {
        _stream = stream;
        ConnectionId = $"{connection.ConnectionId}:{stream.Id:x}";
        ConnectionClosed = _closed.Token;
        LocalEndPoint = connection.LocalEndPoint;
        RemoteEndPoint = connection.RemoteEndPoint;
        Transport = new Duplex((PipeReader?)stream.Input ?? NoInput, (PipeWriter?)stream.Output ?? NoOutput);

        // Falls back to the connection's: Kestrel looks here for ITlsConnectionFeature, or takes the scheme for http.
        Features = new FeatureCollection(connection.Features);
        Features.Set<IPersistentStateFeature>(this);
        Features.Set<IStreamDirectionFeature>(this);
        Features.Set<IProtocolErrorCodeFeature>(this);
        Features.Set<IStreamIdFeature>(this);
        Features.Set<IStreamAbortFeature>(this);
        Features.Set<IStreamClosedFeature>(this);
        _watch = WatchAsync();
    }

    public override string ConnectionId { get; set; }

    public override IFeatureCollection Features { get; }

    public override IDictionary<object, object?> Items { get; set; } = new ConnectionItems();

    public override IDuplexPipe Transport { get; set; }

    public IDictionary<object, object?> State => _state ??= new ConnectionItems();

    public bool CanRead => _stream.Input is not null;

    public bool CanWrite => _stream.Output is not null;

    /// <summary>Kestrel sets the code to abort with; the peer's, once there is one, goes before it. −1 is none.</summary>
    public long Error
    {
        get => _stream.ReadError >= 0 ? _stream.ReadError : _stream.WriteError >= 0 ? _stream.WriteError : _error;
        set => _error = value;
    }

    public long StreamId => _stream.Id;

    public void AbortRead(long errorCode, ConnectionAbortedException abortReason) => _stream.AbortRead(errorCode);

    public void AbortWrite(long errorCode, ConnectionAbortedException abortReason) => _stream.AbortWrite(errorCode);

    public void OnClosed(Action<object?> callback, object? state) => _ = ConnectionClosed.UnsafeRegister(callback, state);

    public override void Abort(ConnectionAbortedException abortReason)
    {
        if (Interlocked.Exchange(ref _isAborted, 1) == 1)
        {
            return;
        }

        var code = Error < 0 ? QuicErrors.WriterFailed : Error;
        _stream.AbortRead(code);
        _stream.AbortWrite(code);
    }

    /// <summary>
    /// Returns when the peer has acknowledged everything: Kestrel may close the connection right after the last request,
    /// and what was not acknowledged then would be lost.
    /// </summary>
    public override async ValueTask DisposeAsync()
    {
        await Transport.Input.CompleteAsync();
        await Transport.Output.CompleteAsync();
        if (CanRead && CanWrite)
        {
            await _watch;
        }

        await base.DisposeAsync();
    }

    private async Task WatchAsync()
    {
        await _stream.Closed;
        await _closed.CancelAsync();
        _closed.Dispose();
    }

    private static PipeReader EndedReader()
    {
        var pipe = new Pipe();
        pipe.Writer.Complete();
        return pipe.Reader;
    }

    private sealed record Duplex(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
