using System.Diagnostics;
using System.Net;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Transports.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.Extensions.Logging;

namespace Fluxd.Transports.Quic.Protocol;

/// <summary>
/// One fluxd/1 connection on the server: authenticated once, then one operation per stream. Operations may leave the
/// client together with the authentication; they wait for it here.
/// </summary>
internal sealed partial class FluxdConnection(MultiplexedConnectionContext transport, FluxdServices services, ILogger log, CancellationToken stopping)
{
    private readonly TaskCompletionSource<Principal> _principal = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _gate = new();
    private readonly HashSet<Task> _running = [];
    private int _isAuthenticating;
    private bool _isStopping;
    private IDisposable? _session;
    private string? _user;

    public FluxdServices Services => services;

    public PeerInfo Peer { get; } = new((transport.RemoteEndPoint as IPEndPoint)?.Address ?? IPAddress.None, QuicFrontend.FrontendName);

    /// <summary>After <see cref="StopAccepting"/>: ends when nothing runs any more.</summary>
    public Task Idle => _idle.Task;

    /// <summary>What only waits must not hold a stop up.</summary>
    public CancellationToken Stopping => stopping;

    public async Task RunAsync()
    {
        using var patience = new CancellationTokenSource(FluxdProtocol.AuthenticationTimeout);
        await using var late = patience.Token.Register(AbortUnlessAuthenticated);
        var (started, lost) = (Stopwatch.GetTimestamp(), false);
        try
        {
            while (await transport.AcceptAsync(transport.ConnectionClosed) is { } stream)
            {
                Track(new FluxdStream(this, stream));
            }
        }
        catch (Exception e) when (e is ConnectionResetException or OperationCanceledException)
        {
            // The peer left, or we did.
        }
        catch (ConnectionAbortedException)
        {
            lost = true;
        }
        finally
        {
            _principal.TrySetCanceled();
            await Task.WhenAll(Running());
            EndTransfers();
            _session?.Dispose();
            if (_user is not null)
            {
                FluxdLog.SessionEnded(
                    log, _user, Peer.Address, (long)Stopwatch.GetElapsedTime(started).TotalMilliseconds,
                    _endedBecause ?? (lost ? "connection lost" : "client closed"));
            }

            _idle.TrySetResult();
            await transport.DisposeAsync();
        }
    }

    private void Track(FluxdStream stream)
    {
        lock (_gate)
        {
            var task = RunAsync(stream);
            if (!task.IsCompleted)
            {
                _running.Add(task);
                _ = task.ContinueWith(Untrack, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            }
        }
    }

    private static async Task RunAsync(FluxdStream stream)
    {
        await Task.Yield();
        await stream.RunAsync();
    }

    private void Untrack(Task task)
    {
        lock (_gate)
        {
            _running.Remove(task);
            EndWhenIdle();
        }
    }

    private Task[] Running()
    {
        lock (_gate)
        {
            return [.. _running];
        }
    }

    public void StopAccepting()
    {
        lock (_gate)
        {
            _isStopping = true;
            EndWhenIdle();
        }
    }

    private void EndWhenIdle()
    {
        if (_isStopping && _running.Count == 0)
        {
            _idle.TrySetResult();
        }
    }

    public bool IsAuthenticated => _principal.Task.IsCompletedSuccessfully;

    /// <summary>Who acts, once that is known; every operation asks, so that a revoked credential works no longer.</summary>
    public async ValueTask<Principal> PrincipalAsync(CancellationToken ct)
    {
        if (_isStopping)
        {
            throw new FluxException(FluxError.Unavailable, "The server is stopping; connect again in a moment.");
        }

        var principal = await _principal.Task.WaitAsync(ct);
        if (!services.Authenticator.IsStillValid(principal))
        {
            Abort(FluxdCodes.AuthenticationFailed, "the credential was withdrawn");
            throw new FluxException(FluxError.Unauthenticated, "This login is no longer valid; log in again.");
        }

        return principal;
    }

    public async Task<Principal> AuthenticateAsync(Credential credential, string client, CancellationToken ct)
    {
        if (Interlocked.Exchange(ref _isAuthenticating, 1) == 1)
        {
            throw FluxException.Conflict("This connection is authenticated already; open another one for another user.");
        }

        credential = Known(credential);
        var result = await services.Authenticator.AuthenticateAsync(credential, Peer, AuthMethods.None, ct);
        if (result is { Outcome: AuthOutcome.Success, Principal: { } principal })
        {
            Register(principal, client);
            _user = principal.UserName;
            FluxdLog.LoggedIn(log, _user, Peer.Address, client, MethodOf(credential));
            transport.Features.Get<IWaryConnection>()?.Trust();
            _principal.TrySetResult(principal);
            return principal;
        }

        LoginFailed();
        throw result.Outcome == AuthOutcome.RateLimited
            ? new FluxException(FluxError.RateLimited, "Too many failed logins; try again later.") { RetryAfter = result.RetryAfter }
            : new FluxException(FluxError.Unauthenticated, "User name and password or key do not fit.");
    }

    // What is no good token stays what it is: the judge refuses it and counts the failure against the peer.
    private Credential Known(Credential credential) =>
        credential is TokenCredential token && services.VerifyToken?.Invoke(token.Token) is { } known && (token.UserName ?? known.UserName) == known.UserName
            ? new SessionTokenCredential(known)
            : credential;

    private static string MethodOf(Credential credential) => credential switch
    {
        PasswordCredential => "password",
        TokenCredential => "API key",
        _ => "token",
    };

    /// <exception cref="FluxException">Busy: the account has as many sessions as it may.</exception>
    private void Register(Principal principal, string client)
    {
        try
        {
            _session = services.Sessions?.Register(principal, Peer, client, () => Abort(FluxdCodes.AuthenticationFailed, "the session was ended"));
        }
        catch (FluxException)
        {
            LoginFailed();
            throw;
        }
    }

    private void LoginFailed()
    {
        _principal.TrySetException(new FluxException(FluxError.Unauthenticated, "The login before this operation failed."));
        _ = _principal.Task.Exception;
    }

    private void AbortUnlessAuthenticated()
    {
        if (!_principal.Task.IsCompletedSuccessfully)
        {
            Abort(FluxdCodes.AuthenticationFailed, "nobody logged in");
        }
    }

    public void Abort(long code, string reason)
    {
        Interlocked.CompareExchange(ref _endedBecause, reason, null);
        if (transport.Features.Get<IProtocolErrorCodeFeature>() is { } error)
        {
            error.Error = code;
        }

        transport.Abort(new ConnectionAbortedException($"fluxd/1: {reason}."));
    }

    public ILogger Logger => log;
}
