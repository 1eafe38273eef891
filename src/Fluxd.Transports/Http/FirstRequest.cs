using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Fluxd.Transports.Http;

/// <summary>
/// No connection that was accepted goes without an answer because the daemon stops. Kestrel takes a connection whose
/// first request is still on its way (or in the TLS handshake) for idle and closes it; the client then reads nothing or
/// a reset, and may not even repeat a POST. Here a young connection hears of the stop only when its first request has
/// begun, which is then answered with "Connection: close" (HTTP/2: GOAWAY), or when its grace is over.
/// </summary>
internal sealed class FirstRequest : IConnectionLifetimeNotificationFeature, IDisposable
{
    private readonly IConnectionLifetimeNotificationFeature _kestrel;
    private readonly TimeProvider _clock;
    private readonly long _accepted;
    private readonly CancellationTokenSource _close = new();
    private readonly CancellationTokenRegistration _registration;
    private readonly Lock _gate = new();
    private ITimer? _grace;
    private bool _hasBegun;
    private bool _isStopping;
    private bool _isDisposed;

    public FirstRequest(IConnectionLifetimeNotificationFeature kestrel, TimeProvider clock)
    {
        (_kestrel, _clock, _accepted) = (kestrel, clock, clock.GetTimestamp());
        ConnectionClosedRequested = _close.Token;
        _registration = kestrel.ConnectionClosedRequested.UnsafeRegister(static self => ((FirstRequest)self!).Stop(), this);
    }

    public CancellationToken ConnectionClosedRequested { get; set; }

    public void RequestClose() => _kestrel.RequestClose();

    /// <summary>The first request's head is here: from now on the protocol itself ends the connection cleanly.</summary>
    public void Begin()
    {
        if (Volatile.Read(ref _hasBegun))
        {
            return;
        }

        lock (_gate)
        {
            Volatile.Write(ref _hasBegun, true);
            if (!_isStopping)
            {
                return;
            }
        }

        Close();
    }

    public void Dispose()
    {
        _registration.Dispose();
        lock (_gate)
        {
            _isDisposed = true;
            _grace?.Dispose();
        }

        _close.Dispose();
    }

    private void Stop()
    {
        lock (_gate)
        {
            _isStopping = true;
            var left = HttpLimits.FirstRequestGrace - _clock.GetElapsedTime(_accepted);
            if (!_hasBegun && !_isDisposed && left > TimeSpan.Zero)
            {
                _grace = _clock.CreateTimer(static self => ((FirstRequest)self!).Begin(), this, left, Timeout.InfiniteTimeSpan);
                return;
            }
        }

        Close();
    }

    private void Close()
    {
        try
        {
            _close.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It ended by itself meanwhile.
        }
    }
}

/// <summary>How a listener and its pipeline get it. Both halves are needed.</summary>
public static class FirstRequests
{
    /// <summary>Outermost on a listener: its time counts from the acceptance.</summary>
    public static void AnswerFirstRequests(this ListenOptions listen, TimeProvider clock) => listen.Use(next => async connection =>
    {
        if (connection.Features.Get<IConnectionLifetimeNotificationFeature>() is not { } kestrel)
        {
            await next(connection);
            return;
        }

        using var first = new FirstRequest(kestrel, clock);
        connection.Features.Set(first);
        connection.Features.Set<IConnectionLifetimeNotificationFeature>(first);
        await next(connection);
    });

    /// <summary>First in the pipeline.</summary>
    public static void NoteFirstRequests(this IApplicationBuilder app) => app.Use(next => http =>
    {
        http.Features.Get<FirstRequest>()?.Begin();
        return next(http);
    });
}
