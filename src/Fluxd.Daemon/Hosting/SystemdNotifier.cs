using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Fluxd.Daemon.Hosting;

/// <summary>
/// sd_notify(3) in managed code: one datagram of KEY=VALUE lines to the socket that systemd names. Without systemd every
/// call does nothing. Thread-safe; a message that can't be sent is lost, never an error: the daemon's work goes on.
/// </summary>
internal sealed class SystemdNotifier : IDisposable
{
    private readonly Socket? _socket;
    private readonly TimeProvider _clock;

    public SystemdNotifier(string? address, TimeProvider clock)
    {
        _clock = clock;
        if (address is not ['/' or '@', ..])
        {
            return;
        }

        var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        try
        {
            // A leading @ stands for the NUL of Linux's abstract namespace.
            socket.Connect(new UnixDomainSocketEndPoint(address[0] == '@' ? '\0' + address[1..] : address));
            _socket = socket;
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            // Left over in the environment of somebody's shell: nobody waits to hear of us.
            socket.Dispose();
        }
    }

    public bool IsActive => _socket is not null;

    public void Ready(string status) => Send($"READY=1\nSTATUS={status}");

    public void Status(string status) => Send($"STATUS={status}");

    /// <summary>systemd compares the time with its own CLOCK_MONOTONIC, in microseconds.</summary>
    public void Reloading() => Send(string.Create(CultureInfo.InvariantCulture,
        $"RELOADING=1\nMONOTONIC_USEC={_clock.GetTimestamp() / (_clock.TimestampFrequency / 1_000_000)}"));

    public void Stopping(string status) => Send($"STOPPING=1\nSTATUS={status}");

    public void ExtendTimeout(TimeSpan by) => Send(string.Create(CultureInfo.InvariantCulture, $"EXTEND_TIMEOUT_USEC={(long)by.TotalMicroseconds}"));

    public void Watchdog() => Send("WATCHDOG=1");

    public void Dispose() => _socket?.Dispose();

    private void Send(string message)
    {
        try
        {
            _socket?.Send(Encoding.UTF8.GetBytes(message));
        }
        catch (SocketException)
        {
        }
    }
}
