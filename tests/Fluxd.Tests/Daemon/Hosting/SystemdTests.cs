using System.Net.Sockets;
using System.Text;
using Fluxd.Daemon.Hosting;
using Xunit;

namespace Fluxd.Tests.Daemon.Hosting;

public sealed class SystemdTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("fluxd-systemd-");
    private readonly Socket _systemd = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);

    public SystemdTests()
    {
        _systemd.Bind(new UnixDomainSocketEndPoint(Address));
        _systemd.ReceiveTimeout = 10_000;
    }

    private string Address => Path.Combine(_folder.FullName, "notify");

    public void Dispose()
    {
        _systemd.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public void Each_message_arrives_as_systemd_reads_it()
    {
        using var notifier = new SystemdNotifier(Address, TimeProvider.System);

        notifier.Ready("sftp on 127.0.0.1:2022");
        notifier.ExtendTimeout(TimeSpan.FromSeconds(2));
        notifier.Reloading();
        notifier.Stopping("bye");
        notifier.Watchdog();

        Assert.Equal("READY=1\nSTATUS=sftp on 127.0.0.1:2022", Receive());
        Assert.Equal("EXTEND_TIMEOUT_USEC=2000000", Receive());
        Assert.Matches(@"\ARELOADING=1\nMONOTONIC_USEC=[0-9]+\z", Receive());
        Assert.Equal("STOPPING=1\nSTATUS=bye", Receive());
        Assert.Equal("WATCHDOG=1", Receive());
    }

    [Fact]
    public void An_abstract_address_works_too()
    {
        var name = "fluxd-test-" + Guid.NewGuid();
        using var listener = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { ReceiveTimeout = 10_000 };
        listener.Bind(new UnixDomainSocketEndPoint('\0' + name));
        using var notifier = new SystemdNotifier("@" + name, TimeProvider.System);

        notifier.Status("here");

        Assert.Equal("STATUS=here", Receive(listener));
    }

    [Theory]
    [InlineData("/nonexistent/notify")]
    [InlineData("@nobody-has-this-name")]
    [InlineData("/0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789/0123456789")]
    public void An_address_that_nobody_listens_at_is_no_reason_to_fail(string address)
    {
        using var notifier = new SystemdNotifier(address, TimeProvider.System);

        notifier.Ready("nobody listens");

        Assert.False(notifier.IsActive);
    }

    [Theory]
    [InlineData("1")]
    [InlineData("9000000000000000000")]
    public void A_watchdogs_interval_is_one_that_a_timer_can_keep(string microseconds)
    {
        var interval = Watchdog.Interval(new Dictionary<string, string> { ["WATCHDOG_USEC"] = microseconds })!.Value;

        using var timer = new PeriodicTimer(interval);
    }

    [Fact]
    public void Without_systemd_nothing_happens()
    {
        using var notifier = new SystemdNotifier(null, TimeProvider.System);

        notifier.Ready("nobody listens");

        Assert.False(notifier.IsActive);
    }

    [Fact(Timeout = 30_000)]
    public async Task The_watchdog_is_pinged_only_while_the_health_check_agrees()
    {
        using var notifier = new SystemdNotifier(Address, TimeProvider.System);
        using var ended = new CancellationTokenSource();
        var answers = new Queue<bool>([false, false, true]);
        var watchdog = new Watchdog(notifier, TimeSpan.FromMilliseconds(5), _ =>
        {
            var answer = answers.Dequeue();
            if (answers.Count == 0)
            {
                ended.Cancel();
            }

            return Task.FromResult(answer);
        }, TimeProvider.System);

        await watchdog.RunAsync(ended.Token);

        Assert.Equal("WATCHDOG=1", Receive());
        Assert.Equal(0, _systemd.Available);
    }

    [Fact]
    public void The_watchdog_counts_only_for_the_process_that_systemd_means()
    {
        Assert.Equal(TimeSpan.FromSeconds(10), Watchdog.Interval(new Dictionary<string, string> { ["WATCHDOG_USEC"] = "20000000" }));
        Assert.Null(Watchdog.Interval(new Dictionary<string, string> { ["WATCHDOG_USEC"] = "20000000", ["WATCHDOG_PID"] = "1" }));
        Assert.Null(Watchdog.Interval(new Dictionary<string, string>()));
    }

    [Fact]
    public void Inherited_sockets_are_found_by_name_and_never_by_order()
    {
        var sockets = InheritedSockets.Parse("77", "4", "quic:http:stored:http", 77);

        Assert.Equal([4, 6], sockets.Descriptors("http"));
        Assert.Equal([3], sockets.Descriptors("quic"));
        Assert.Empty(sockets.Descriptors("sftp"));
        Assert.Equal(0, InheritedSockets.Parse("76", "4", "quic", 77).Count);
        Assert.Equal(0, InheritedSockets.Parse("77", "-1", "quic", 77).Count);
        Assert.Equal(0, InheritedSockets.Parse(null, null, null, 77).Count);
    }

    [Fact(Timeout = 30_000)]
    public async Task The_first_signal_asks_and_the_second_insists()
    {
        using var signals = new StopSignals();

        signals.Stop();
        await signals.First;
        Assert.False(signals.Second.IsCancellationRequested);
        signals.Stop();

        Assert.True(signals.Second.IsCancellationRequested);
    }

    private string Receive(Socket? from = null)
    {
        var buffer = new byte[4096];
        return Encoding.UTF8.GetString(buffer, 0, (from ?? _systemd).Receive(buffer));
    }
}
