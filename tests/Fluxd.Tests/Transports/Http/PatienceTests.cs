using System.Net;
using System.Net.Sockets;
using System.Text;
using Fluxd.Core.Net;
using Fluxd.Core.Transfers;
using Fluxd.Testing;
using Fluxd.Transports.Http;
using Fluxd.Transports.Http.Proxies;
using Fluxd.Transports.Net;
using Xunit;

namespace Fluxd.Tests.Transports.Http;

/// <summary>Nobody is cut off for taking long; who stands still is.</summary>
public sealed class PatienceTests : HttpTest
{
    private const int FileBytes = 48 << 20; // more than the kernel and Kestrel hold between them
    private readonly ManualTime _time = new();

    public override Task InitializeAsync()
    {
        Server.Clock = _time;
        return base.InitializeAsync();
    }

    [Theory(Timeout = 180_000)]
    [InlineData("/v1/files/large", "Range: bytes=0-")]
    [InlineData("/v1/files/large", "Range: bytes=0-9,20-")]
    [InlineData("/v1/archive/large?format=zip", "Accept: */*")]
    [InlineData("/v1/archive/large?format=tar", "Accept: */*")]
    public async Task A_reader_who_stands_still_is_cut_off(string url, string header)
    {
        var (socket, transfer) = await AskAsync(url, header);
        using (socket)
        {
            while (transfer().Outcome is null)
            {
                _time.Advance(HttpLimits.ReaderLook);
                await Task.Delay(10);
            }

            Assert.Equal("client too slow", transfer().Outcome);
            Assert.InRange(await RestAsync(socket), 1, FileBytes - 1);
        }
    }

    [Fact(Timeout = 180_000)]
    public async Task A_slow_reader_who_goes_on_gets_all_of_it()
    {
        var began = _time.GetUtcNow();
        var (socket, transfer) = await AskAsync("/v1/files/large", "Accept: */*");
        using (socket)
        {
            var buffer = new byte[1 << 20];
            long got = 0;
            for (long sent; (sent = transfer().BytesAccepted) < FileBytes;)
            {
                // When more is sent, the piece before was taken: the wait for this one began after the clock moved last.
                while (transfer().BytesAccepted == sent)
                {
                    got += await socket.ReceiveAsync(buffer);
                }

                _time.Advance(HttpLimits.ReaderPatience - HttpLimits.ReaderLook);
            }

            got += await RestAsync(socket);
            Assert.InRange(got, FileBytes, FileBytes + 2000);
            Assert.True(_time.GetUtcNow() - began > HttpLimits.ReaderPatience * 3, "The download was no slow one.");
        }
    }

    [Fact(Timeout = 240_000)]
    public async Task Connections_that_say_nothing_and_heads_that_do_not_end_are_hung_up_on()
    {
        using var half = await RawHttp.ConnectAsync(Server.Address);
        await half.WriteAsync("GET /v1/whoami HTTP/1.1\r\nHost:");
        using var resting = await RawHttp.ConnectAsync(Server.Address);
        await resting.WriteAsync($"GET /v1/whoami HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {HttpServer.Token}\r\n\r\n");
        var (endOfHalf, endOfResting) = (half.ReadToEndAsync(), resting.ReadToEndAsync());
        Assert.StartsWith("HTTP/1.1 408 ", await endOfHalf, StringComparison.Ordinal);
        Assert.Single((await endOfResting).Split("HTTP/1.1 200 ").Skip(1));
    }

    [Fact(Timeout = 120_000)]
    public async Task An_event_stream_is_kept_awake_by_a_comment()
    {
        using var answer = await Client.GetAsync("/v1/events", HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        var heard = HearAsync(reader);
        while (!heard.IsCompleted)
        {
            _time.Advance(HttpLimits.Heartbeat);
            await Task.Delay(10);
        }

        await heard;
    }

    private static async Task HearAsync(StreamReader reader)
    {
        while (await reader.ReadLineAsync() is { } line && !line.StartsWith(':'))
        {
        }
    }

    [Fact(Timeout = 60_000)]
    public async Task The_kernel_too_gives_up_on_who_takes_nothing()
    {
        const int Tcp = 6, TcpUserTimeout = 18; // linux/tcp.h
        var told = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = new HttpServer();
        await server.StartAsync(listen =>
        {
            listen.UseLinkTuning(new LinkTuning(CongestionControl.System, new NetworkLocality([])));
            listen.Use(next => connection =>
            {
                var value = new byte[sizeof(int)];
                var socket = ((Microsoft.AspNetCore.Connections.Features.IConnectionSocketFeature)connection.Features[typeof(Microsoft.AspNetCore.Connections.Features.IConnectionSocketFeature)]!).Socket;
                socket.GetRawSocketOption(Tcp, TcpUserTimeout, value);
                told.TrySetResult(BitConverter.ToInt32(value));
                return next(connection);
            });
        });
        using var client = server.Client();
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/v1/whoami")).StatusCode);
        Assert.Equal(HttpLimits.ReaderPatience, TimeSpan.FromMilliseconds(await told.Task));
    }

    /// <summary>Asks for the large file by a socket with little room, and waits until its transfer has begun.</summary>
    private async Task<(Socket Socket, Func<TransferReport> Transfer)> AskAsync(string url, string header)
    {
        (await Client.PutAsync("/v1/files/large", new ByteArrayContent(new byte[FileBytes]))).EnsureSuccessStatusCode();
        var before = Server.Transfers.Recent(int.MaxValue).Select(report => report.Id).ToHashSet();
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 64 << 10 };
        await socket.ConnectAsync(Server.Address.Host, Server.Address.Port);
        await socket.SendAsync(Encoding.ASCII.GetBytes($"GET {url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}\r\nAuthorization: Bearer {HttpServer.Token}\r\n\r\n"));
        string? id;
        while ((id = Server.Transfers.Recent(int.MaxValue).Select(report => report.Id).FirstOrDefault(id => !before.Contains(id))) is null)
        {
            await Task.Delay(10);
        }

        return (socket, () => Server.Transfers.Find(id)!);
    }

    private static async Task<long> RestAsync(Socket socket)
    {
        var (buffer, all) = (new byte[1 << 20], 0L);
        try
        {
            for (int count; (count = await socket.ReceiveAsync(buffer)) > 0; all += count)
            {
            }
        }
        catch (SocketException)
        {
            // Cut off, not ended.
        }

        return all;
    }
}
