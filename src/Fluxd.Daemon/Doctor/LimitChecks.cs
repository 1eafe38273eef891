using System.Globalization;
using Fluxd.Core.Admin;
using Fluxd.Daemon.AdminSocket;

namespace Fluxd.Daemon.Doctor;

/// <summary>What the kernel lets this process have: files, queues, buffers, a clock that is right.</summary>
internal sealed class LimitChecks(Kernel kernel) : IDoctorCheck
{
    private const long OpenFilesWanted = 65_535;
    private const long SystemFilesWanted = 2_097_152;

    /// <summary>What the socket units ask for; a longer queue would not be used.</summary>
    private const long BacklogWanted = 4096;

    /// <summary>A QUIC connection at 1 Gbit/s fills this in 33 ms, a pause that a busy machine does make.</summary>
    private const long UdpBufferWanted = 4 * 1024 * 1024;

    public string Name => "limits";

    public ValueTask<IReadOnlyList<CheckRecord>> RunAsync(CancellationToken ct) => new([OpenFiles(), SystemFiles(), Backlog(), UdpBuffers(), Clock()]);

    private CheckRecord OpenFiles()
    {
        const string name = "limits.nofile";
        var line = kernel.Lines("proc/self/limits").FirstOrDefault(text => text.StartsWith("Max open files", StringComparison.Ordinal));
        if (line?.Split(' ', StringSplitOptions.RemoveEmptyEntries) is not [_, _, _, var soft, ..])
        {
            return Check.Skipped(name, "This system does not tell the limit of open files.");
        }

        var limit = soft == "unlimited" ? long.MaxValue : long.Parse(soft, CultureInfo.InvariantCulture);
        return limit >= OpenFilesWanted
            ? Check.Good(name, $"{soft} files and connections may be open.")
            : Check.Warning(name, $"Only {soft} files and connections may be open.", $"In the unit (sudo systemctl edit fluxd), [Service]: LimitNOFILE={OpenFilesWanted}");
    }

    private CheckRecord SystemFiles()
    {
        const string name = "limits.file-max";
        return kernel.Number("proc/sys/fs/file-max") switch
        {
            null => Check.Skipped(name, "This system does not tell how many files all processes together may open."),
            >= SystemFilesWanted => Check.Good(name, "All processes together may open enough files."),
            var limit => Check.Warning(name, $"All processes together may open only {limit} files.", Sysctl("fs.file-max", SystemFilesWanted)),
        };
    }

    private CheckRecord Backlog()
    {
        const string name = "limits.somaxconn";
        return kernel.Number("proc/sys/net/core/somaxconn") switch
        {
            null => Check.Skipped(name, "This system does not tell how many connections may wait."),
            >= BacklogWanted and var backlog => Check.Good(name, $"{backlog} connections may wait to be accepted."),
            var backlog => Check.Warning(name, $"Only {backlog} connections may wait to be accepted.", Sysctl("net.core.somaxconn", BacklogWanted)),
        };
    }

    private CheckRecord UdpBuffers()
    {
        const string name = "limits.udp-buffers";
        var (receive, send) = (kernel.Number("proc/sys/net/core/rmem_max"), kernel.Number("proc/sys/net/core/wmem_max"));
        return (receive, send) switch
        {
            (null, _) or (_, null) => Check.Skipped(name, "This system does not tell how large buffers of sockets may be."),
            ( >= UdpBufferWanted, >= UdpBufferWanted) => Check.Good(name, $"QUIC's sockets may buffer {Check.Size(Math.Min(receive.Value, send.Value))}."),
            _ when IsBySystemd => Check.Good(name, "QUIC's sockets come from systemd, which sets their buffers above the system's limit."),
            _ => Check.Warning(
                name, $"QUIC's sockets may buffer only {Check.Size(Math.Min(receive.Value, send.Value))}: fast transfers lose packets.",
                $"sudo sysctl -w net.core.rmem_max={UdpBufferWanted} net.core.wmem_max={UdpBufferWanted}   (for ever: a line each in /etc/sysctl.d/fluxd.conf)"),
        };
    }

    /// <summary>Our socket unit names ReceiveBuffer, and systemd may go beyond the limit.</summary>
    public bool IsBySystemd { get; init; }

    private static CheckRecord Clock() => Libc.IsClockSynchronised() switch
    {
        null => Check.Skipped("clock.synchronised", "This system does not tell whether its clock is synchronised."),
        true => Check.Good("clock.synchronised", "The clock is synchronised."),
        false => Check.Warning("clock.synchronised", "The clock is not synchronised, so nothing expires.", "sudo timedatectl set-ntp true"),
    };

    private static string Sysctl(string key, long value) => $"sudo sysctl -w {key}={value}   (for ever: the line {key}={value} in /etc/sysctl.d/fluxd.conf)";
}
