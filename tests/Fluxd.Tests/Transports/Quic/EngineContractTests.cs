using System.Net;
using Fluxd.Contracts.Quic;
using Fluxd.Testing.Quic;
using Fluxd.Transports.Quic.Kestrel;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fluxd.Tests.Transports.Quic;

[Engine("ngtcp2")]
public sealed class NgtcpContractTests : QuicEngineContract
{
    private NgtcpTransport? _transport;

    protected override IPEndPoint EndPoint => _transport!.EndPoints[0];

    protected override string Engine => "ngtcp2";

    protected override IMultiplexedConnectionListenerFactory Open()
    {
        _transport = new NgtcpTransport(new NgtcpTransportOptions { Certificates = Certificate, Secret = new byte[32] }, NullLoggerFactory.Instance);
        _transport.Open(new IPEndPoint(IPAddress.Loopback, 0));
        return _transport;
    }

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        await _transport!.DisposeAsync();
    }
}

[Engine("msquic")]
public sealed class MsQuicContractTests : QuicEngineContract
{
    private WebApplication? _kestrel;

    protected override IPEndPoint EndPoint { get; } = new(IPAddress.Loopback, QuicPair.FreePort());

    protected override string Engine => "msquic";

    protected override IMultiplexedConnectionListenerFactory Open()
    {
        var builder = WebApplication.CreateSlimBuilder();
        if (OperatingSystem.IsLinux() || OperatingSystem.IsMacOS())
        {
            builder.WebHost.UseQuic();
        }

        _kestrel = builder.Build();
        return _kestrel.Services.GetServices<IMultiplexedConnectionListenerFactory>().Last();
    }

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        await _kestrel!.DisposeAsync();
    }
}
