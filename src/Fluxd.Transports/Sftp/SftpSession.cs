using System.Buffers;
using System.Diagnostics;
using System.IO.Pipelines;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Core.Transfers;
using Microsoft.Extensions.Logging;

namespace Fluxd.Transports.Sftp;

/// <summary>What a session needs to know of the world; one for all sessions of the daemon.</summary>
public sealed record SftpServices(IFiles Files, IAuthenticator Authenticator, ITransfers? Transfers, TimeProvider Clock, ILogger Logger);

/// <param name="ClientVersion">The client's SSH identification: it decides the argument order of SYMLINK.</param>
public sealed record SftpClient(Principal Principal, string PeerText, string ClientVersion)
{
    /// <summary>Why the server ended the connection; null where the client did.</summary>
    public Func<string?> EndedBecause { get; init; } = () => null;
}

/// <summary>
/// One SFTP version 3 conversation over a channel's pipe. The receive loop takes packets in order; READ and WRITE are
/// done in the loop (back-pressure is the pipe's), everything that may wait for the disk runs beside it and is answered
/// when it is done. Order is kept where it can be seen: per handle, and between operations on overlapping paths.
/// Ends without closing what is open: the files then do what they do after a lost connection.
/// </summary>
public sealed partial class SftpSession : IDisposable
{
    private readonly SftpServices _services;
    private readonly SftpClient _client;
    private readonly SftpHandles _handles = new();
    private readonly SftpPathOrder _order = new();
    private readonly Dictionary<uint, string> _owners = [];
    private readonly SemaphoreSlim _slots = new(SftpLimits.OperationsInFlightMax, SftpLimits.OperationsInFlightMax);
    private readonly List<Task> _running = [];
    private readonly bool _symlinkByDraft;
    private SftpOutput _output = null!; // from the first moment of RunAsync
    private bool _initialized;
    private SftpPacketType _current;

    public SftpSession(SftpServices services, SftpClient client)
    {
        _services = services;
        _client = client;
        _symlinkByDraft = SymlinkOrder.IsByDraft(client.ClientVersion);
    }

    private IFiles Files => _services.Files;

    private Principal Who => _client.Principal;

    /// <summary>Returns when the client ends the channel or breaks the protocol; the caller then closes the channel.</summary>
    /// <param name="draining">The daemon stops: with nothing open, and nothing asked for a moment, the session ends by itself.</param>
    public async Task RunAsync(IDuplexPipe channel, CancellationToken draining, CancellationToken ct)
    {
        _output = new SftpOutput(channel.Output);
        try
        {
            await ReceiveAsync(channel.Input, draining, ct);
        }
        catch (SftpFormatException error)
        {
            Log.BadPacket(_services.Logger, _client.PeerText, error.Message);
        }
        finally
        {
            await EndAsync();
        }
    }

    private async Task ReceiveAsync(PipeReader input, CancellationToken draining, CancellationToken ct)
    {
        var clock = _services.Clock;
        using var wake = draining.UnsafeRegister(static input => ((PipeReader)input!).CancelPendingRead(), input);
        while (true)
        {
            var since = clock.GetTimestamp();
            var read = await ReadAsync(input, draining, ct);
            var buffer = read.Buffer;
            var isQuiet = read.IsCanceled && clock.GetElapsedTime(since) >= SftpLimits.QuietWhileDraining;
            while (TryTakePacket(ref buffer, out var packet))
            {
                isQuiet = false;
                await DispatchAsync(packet, ct);
            }

            input.AdvanceTo(buffer.Start, buffer.End);
            await _output.FlushAsync(ct);
            if (read.IsCompleted || (isQuiet && _handles.Count == 0 && _running.TrueForAll(task => task.IsCompleted)))
            {
                return;
            }
        }
    }

    private ValueTask<ReadResult> ReadAsync(PipeReader input, CancellationToken draining, CancellationToken ct) =>
        draining.IsCancellationRequested ? ReadForAMomentAsync(input, ct) : input.ReadAsync(ct);

    private async ValueTask<ReadResult> ReadForAMomentAsync(PipeReader input, CancellationToken ct)
    {
        await using var over = _services.Clock.CreateTimer(
            static input => ((PipeReader)input!).CancelPendingRead(), input, SftpLimits.QuietWhileDraining, Timeout.InfiniteTimeSpan);
        return await input.ReadAsync(ct);
    }

    /// <summary>Pure: takes one packet off the front, or nothing while it is incomplete.</summary>
    internal static bool TryTakePacket(ref ReadOnlySequence<byte> buffer, out ReadOnlySequence<byte> packet)
    {
        packet = default;
        var reader = new SequenceReader<byte>(buffer);
        if (!reader.TryReadBigEndian(out int length))
        {
            return false;
        }

        if (length is < 1 or > SftpLimits.PacketBytesMax)
        {
            throw new SftpFormatException($"a packet says that it is {(uint)length} bytes long");
        }

        if (reader.Remaining < length)
        {
            return false;
        }

        packet = buffer.Slice(4, length);
        buffer = buffer.Slice(4 + length);
        return true;
    }

    private ValueTask DispatchAsync(ReadOnlySequence<byte> packet, CancellationToken ct)
    {
        var reader = new SftpReader(packet);
        var type = (SftpPacketType)reader.ReadByte();
        if (!_initialized)
        {
            return type == SftpPacketType.Init
                ? InitializeAsync(ref reader, ct)
                : throw new SftpFormatException("a request came before INIT");
        }

        var id = reader.ReadUInt32();
        if (!_services.Authenticator.IsStillValid(Who))
        {
            throw new SftpFormatException("the account or its credential was withdrawn");
        }

        _current = type;
        try
        {
            return HandleAsync(type, id, ref reader, ct);
        }
        catch (FluxException error)
        {
            return RefuseAsync(id, error, flush: false, ct);
        }
    }

    private ValueTask HandleAsync(SftpPacketType type, uint id, ref SftpReader reader, CancellationToken ct) => type switch
    {
        SftpPacketType.Read => ReadAsync(id, ref reader, ct),
        SftpPacketType.Write => WriteAsync(id, ref reader, ct),
        SftpPacketType.Open => OpenAsync(id, ref reader, ct),
        SftpPacketType.Close => CloseAsync(id, ref reader, ct),
        SftpPacketType.FStat => FStatAsync(id, ref reader, ct),
        SftpPacketType.FSetStat => FSetStatAsync(id, ref reader, ct),
        SftpPacketType.Stat => StatAsync(id, ref reader, followLink: true, ct),
        SftpPacketType.LStat => StatAsync(id, ref reader, followLink: false, ct),
        SftpPacketType.SetStat => SetStatAsync(id, ref reader, followLink: true, ct),
        SftpPacketType.OpenDir => OpenDirAsync(id, ref reader, ct),
        SftpPacketType.ReadDir => ReadDirAsync(id, ref reader, ct),
        SftpPacketType.Remove => RemoveAsync(id, ref reader, ct),
        SftpPacketType.MkDir => MkDirAsync(id, ref reader, ct),
        SftpPacketType.RmDir => RmDirAsync(id, ref reader, ct),
        SftpPacketType.RealPath => RealPathAsync(id, ref reader, ct),
        SftpPacketType.Rename => RenameAsync(id, ref reader, replace: false, ct),
        SftpPacketType.ReadLink => ReadLinkAsync(id, ref reader, ct),
        SftpPacketType.Symlink => SymlinkAsync(id, ref reader, ct),
        SftpPacketType.Extended => ExtendedAsync(id, ref reader, ct),
        _ => UnsupportedAsync(id, ct),
    };

    private ValueTask InitializeAsync(ref SftpReader reader, CancellationToken ct)
    {
        reader.ReadUInt32(); // whatever the client asks for, version 3 is the answer
        _initialized = true;
        return _output.SendAsync(SftpExtensions.Announce, flush: false, ct);
    }

    private ValueTask UnsupportedAsync(uint id, CancellationToken ct) =>
        _output.SendStatusAsync(id, SftpStatus.OpUnsupported, "This server does not know that request.", flush: false, ct);

    private ValueTask OkAsync(uint id, bool flush, CancellationToken ct) =>
        _output.SendStatusAsync(id, SftpStatus.Ok, "Success", flush, ct);

    private ValueTask RefuseAsync(uint id, FluxException error, bool flush, CancellationToken ct)
    {
        Log.Refused(_services.Logger, _client.PeerText, error.Error);
        FluxTelemetry.Refused("sftp", error.Error);
        return _output.SendStatusAsync(id, SftpErrors.StatusOf(error.Error), SftpErrors.TextOf(error), flush, ct);
    }

    private static FilePath PathFrom(ref SftpReader reader) => FilePath.Parse(reader.ReadPath());

    /// <summary>
    /// Runs an operation beside the receive loop once <paramref name="after"/> is done. It answers for itself; a core
    /// error becomes its status. The task never fails, so that others may wait for it.
    /// </summary>
    private async ValueTask<Task> StartAsync(uint id, Task after, Func<CancellationToken, ValueTask> work, CancellationToken ct)
    {
        var (operation, started) = (_current, Stopwatch.GetTimestamp());
        await _slots.WaitAsync(ct);
        var task = RunAsync();
        if (!task.IsCompleted)
        {
            _running.RemoveAll(old => old.IsCompleted);
            _running.Add(task);
        }

        return task;

        async Task RunAsync()
        {
            try
            {
                await after;
                await work(ct);
                Log.Done(_services.Logger, operation, "Ok", Milliseconds(started), Who.UserName, _client.PeerText);
            }
            catch (FluxException error)
            {
                Log.Done(_services.Logger, operation, error.Error.ToString(), Milliseconds(started), Who.UserName, _client.PeerText);
                await RefuseQuietlyAsync(id, error, ct);
            }
            catch (OperationCanceledException)
            {
                // The session ends; nobody waits for an answer.
            }
            catch (Exception error)
            {
                Log.Failed(_services.Logger, error, _client.PeerText);
                await RefuseQuietlyAsync(id, new FluxException(FluxError.Unavailable, "The server met an internal error; its log has the reason."), ct);
            }
            finally
            {
                _slots.Release();
            }
        }
    }

    private static double Milliseconds(long started) => Stopwatch.GetElapsedTime(started).TotalMilliseconds;

    private async ValueTask RefuseQuietlyAsync(uint id, FluxException error, CancellationToken ct)
    {
        try
        {
            await RefuseAsync(id, error, flush: true, ct);
        }
        catch (Exception gone) when (gone is OperationCanceledException or IOException or InvalidOperationException or ObjectDisposedException)
        {
            // The channel is gone, and the answer with it.
        }
    }

    private async ValueTask StartReadingAsync(uint id, FilePath path, Func<CancellationToken, ValueTask> work, CancellationToken ct) =>
        await StartAsync(id, _order.Before(path), work, ct);

    private async ValueTask StartChangingAsync(uint id, FilePath path, FilePath? second, Func<CancellationToken, ValueTask> work, CancellationToken ct)
    {
        var after = second is null ? _order.Before(path) : Task.WhenAll(_order.Before(path), _order.Before(second));
        var task = await StartAsync(id, after, work, ct);
        _order.Add(task, path, second);
    }

    private async Task EndAsync()
    {
        await Task.WhenAll(_running);
        foreach (var handle in _handles.All.OfType<SftpFileHandle>())
        {
            try
            {
                await handle.File.DisposeAsync();
            }
            catch (FluxException error)
            {
                Log.Refused(_services.Logger, _client.PeerText, error.Error);
            }

            handle.Transfer?.End(_client.EndedBecause() is { } reason ? $"server closed: {reason}" : "client closed");
            handle.Transfer?.Dispose();
        }
    }

    public void Dispose()
    {
        _slots.Dispose();
        _output?.Dispose();
    }

    private static partial class Log
    {
        [LoggerMessage(3101, LogLevel.Warning, "SFTP of {Peer} ended: {Reason}")]
        public static partial void BadPacket(ILogger logger, string peer, string reason);

        [LoggerMessage(3102, LogLevel.Debug, "SFTP of {Peer}: refused with {Error}")]
        public static partial void Refused(ILogger logger, string peer, FluxError error);

        [LoggerMessage(3103, LogLevel.Error, "SFTP of {Peer}: an operation failed in a way that is a bug")]
        public static partial void Failed(ILogger logger, Exception error, string peer);

        [LoggerMessage(3104, LogLevel.Debug, "SFTP {Method} {Status} in {DurationMs} ms by {User} from {Remote}")]
        public static partial void Done(ILogger logger, SftpPacketType method, string status, double durationMs, string user, string remote);

        // Next free: 3105
    }
}
