using System.Net;
using System.Net.Sockets;
using Fluxd.Core.Net;
using Fluxd.Testing.Quic;
using Fluxd.Transports.Quic;
using Fluxd.Transports.Quic.Native;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Fluxd.Tests.Transports.Quic;

public sealed class QuicLibrariesTests
{
    [Fact]
    public void A_missing_library_is_one_plain_line_with_the_command_that_helps()
    {
        var state = QuicLibraries.Look(["libngtcp2-that-nobody-has.so.99"]);
        Assert.False(state.IsAvailable);
        Assert.Contains("apt-get install libngtcp2-16 libngtcp2-crypto-gnutls8", state.Message);
        Assert.Contains("libngtcp2-that-nobody-has.so.99 is missing", state.Message);
        Assert.DoesNotContain('\n', state.Message);
    }

    [QuicFact]
    public async Task The_installed_library_is_new_enough_and_named()
    {
        await Task.Yield();
        var state = QuicLibraries.Probe();
        Assert.True(state.IsAvailable);
        Assert.Contains(state.Version, state.Message);
        Assert.True(Version.Parse(state.Version) >= new Version(1, 11), state.Version);
    }

    [Fact]
    public void The_frontend_says_in_one_line_why_it_cannot_run_or_nothing()
    {
        Assert.Equal(QuicLibraries.Probe().IsAvailable, QuicFrontend.WhyUnavailable("auto") is null);
        var msquic = QuicFrontend.WhyUnavailable("msquic");
        Assert.True(msquic is null || (msquic.Contains("libmsquic") && !msquic.Contains('\n')));
    }

    /// <summary>libmsquic takes no socket that is bound already, so its port would be found in use.</summary>
    [Fact]
    public async Task Msquic_with_a_port_that_systemd_holds_is_refused_with_the_way_out()
    {
        using var held = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        held.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var why = await QuicFrontend.WhyUnavailableAsync(
            new QuicFrontendOptions
            {
                Engine = "msquic",
                Listen = [],
                Inherited = [held],
                Certificates = new TestCertificate(),
                Locality = new NetworkLocality([]),
                Loggers = NullLoggerFactory.Instance,
            },
            CancellationToken.None);
        Assert.Contains("systemctl mask --now fluxd-quic.socket", why);
        Assert.Contains("Everything else runs.", why);
    }
}
