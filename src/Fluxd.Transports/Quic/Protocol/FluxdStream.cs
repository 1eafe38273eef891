using System.Diagnostics;
using System.IO.Pipelines;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace Fluxd.Transports.Quic.Protocol;

/// <summary>
/// One operation: request frame, perhaps a body, answer frame, perhaps a body. A failure before the answer is an answer
/// with its status; after it the stream is reset.
/// </summary>
internal sealed partial class FluxdStream(FluxdConnection connection, ConnectionContext stream)
{
    private readonly PipeReader _input = stream.Transport.Input;
    private readonly PipeWriter _output = stream.Transport.Output;
    private bool _hasAnswered;

    public async Task RunAsync()
    {
        var ct = stream.ConnectionClosed;
        try
        {
            await ServeAsync(ct);
        }
        catch (FluxException e) when (!_hasAnswered)
        {
            await RefuseAsync(e, ct);
        }
        catch (Exception e) when (e is OperationCanceledException or ConnectionResetException or ConnectionAbortedException)
        {
            Reset(); // the client took it back, or is gone
        }
        catch (FluxException)
        {
            Reset();
        }
        catch (Exception e)
        {
            FluxdLog.OperationFailed(connection.Logger, e);
            Reset();
        }
        finally
        {
            await stream.DisposeAsync();
        }

        if (_failedLogin)
        {
            connection.Abort(FluxdCodes.AuthenticationFailed, "the login failed");
        }
    }

    private bool _failedLogin;

    private async Task RefuseAsync(FluxException error, CancellationToken ct)
    {
        FluxTelemetry.Refused(QuicFrontend.FrontendName, error.Error);
        try
        {
            await AnswerAsync(ErrorFrame(error), ct);

            // A body that is still on its way is not wanted any more.
            stream.Features.Get<IStreamAbortFeature>()?.AbortRead(FluxdCodes.NoError, new ConnectionAbortedException("fluxd/1: refused."));
        }
        catch (OperationCanceledException)
        {
            // The client is gone.
        }
    }

    private async Task ServeAsync(CancellationToken ct)
    {
        var frame = await _input.ReadFrameAsync(await FrameBytesMaxAsync(ct), ct);
        if (frame is null)
        {
            return;
        }

        if ((FluxdOperation)frame[0] == FluxdOperation.Authenticate)
        {
            await AuthenticateAsync(frame, ct);
            return;
        }

        var operation = (FluxdOperation)frame[0];
        var who = await connection.PrincipalAsync(ct);
        var started = Stopwatch.GetTimestamp();
        var status = "CutOff";
        try
        {
            await OperateAsync(operation, frame.AsMemory(1), who, ct);
            status = "Ok";
        }
        catch (FluxException e)
        {
            status = e.Error.ToString();
            throw;
        }
        finally
        {
            FluxdLog.Done(connection.Logger, operation, status, Stopwatch.GetElapsedTime(started).TotalMilliseconds, who.UserName, connection.Peer.Address);
        }
    }

    /// <summary>
    /// Until somebody is known nothing is taken off a stream but a login: what else is sent stays where the connection's
    /// window bounds it.
    /// </summary>
    private async ValueTask<int> FrameBytesMaxAsync(CancellationToken ct)
    {
        if (!connection.IsAuthenticated)
        {
            if (await _input.PeekKindAsync(ct) is null or (byte)FluxdOperation.Authenticate)
            {
                return FluxdProtocol.AuthenticateBytesMax;
            }

            await connection.PrincipalAsync(ct);
        }

        return FluxdProtocol.FrameBytesMax;
    }

    private async Task AuthenticateAsync(byte[] frame, CancellationToken ct)
    {
        try
        {
            var credential = ReadCredential(frame, out var client);
            var principal = await connection.AuthenticateAsync(credential, client, ct);
            await AnswerAsync(
                Ok().Text(principal.UserName).U32((int)principal.Scopes).Flag(principal.MustChangePassword), ct);
        }
        catch (FluxException e) when (e.Error is FluxError.Unauthenticated or FluxError.RateLimited or FluxError.Busy)
        {
            _failedLogin = true; // told first, then closed
            throw;
        }
    }

    private static Credential ReadCredential(byte[] frame, out string client)
    {
        if (frame.Length > FluxdProtocol.AuthenticateBytesMax)
        {
            throw new FluxException(FluxError.TooLarge, "A login has at most 8 KiB.");
        }

        var reader = new FrameReader(frame.AsSpan(1));
        var kind = reader.U8();
        var user = reader.TextOrNull();
        var secret = reader.Bytes();
        Credential credential = kind switch
        {
            1 => new PasswordCredential(user ?? "", secret.ToArray()),
            2 => new TokenCredential(System.Text.Encoding.UTF8.GetString(secret), user),
            _ => throw FluxException.Invalid($"Unknown kind of login {kind}; 1 is a password, 2 an API key."),
        };
        client = reader.IsAtEnd ? "" : Printable(reader.Text());
        return credential;
    }

    // A peer chooses its name: it must not write into an administrator's terminal or begin a line of the log.
    private static string Printable(string client) => string.Concat(client.Where(c => !char.IsControl(c)).Take(FluxdProtocol.ClientNameCharsMax));

    private static FrameWriter Ok() => new(FluxdErrors.Ok);

    private static FrameWriter ErrorFrame(FluxException e) => new FrameWriter(FluxdErrors.Status(e.Error))
        .Text(e.Message).U32((int)Math.Min(e.RetryAfter?.TotalMilliseconds ?? 0, int.MaxValue));

    private async ValueTask AnswerAsync(FrameWriter frame, CancellationToken ct)
    {
        _hasAnswered = true;
        await WriteAsync(frame.Finish(), ct);
        frame.Dispose();
    }

    /// <summary>False when the client reads no more.</summary>
    private async ValueTask<bool> WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken ct)
    {
        while (!bytes.IsEmpty)
        {
            var memory = _output.GetMemory();
            var count = Math.Min(memory.Length, bytes.Length);
            bytes[..count].CopyTo(memory);
            _output.Advance(count);
            bytes = bytes[count..];
            if ((await _output.FlushAsync(ct)).IsCompleted)
            {
                return false;
            }
        }

        return true;
    }

    private void Reset()
    {
        var abort = stream.Features.Get<IStreamAbortFeature>();
        var reason = new ConnectionAbortedException("fluxd/1: the operation was given up.");
        abort?.AbortRead(FluxdCodes.Cancelled, reason);
        abort?.AbortWrite(FluxdCodes.Cancelled, reason);
    }
}
