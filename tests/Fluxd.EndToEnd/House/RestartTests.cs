using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Xunit;

namespace Fluxd.EndToEnd.House;

/// <summary>
/// Restarts with a listening socket that somebody else keeps open, as systemd does: whoever connects is answered, by
/// this daemon or by the next.
/// </summary>
public sealed partial class RestartTests(Xunit.Abstractions.ITestOutputHelper output) : IAsyncLifetime
{
    private const int TimeoutMs = 300_000;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("fluxd-restart-");
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly List<DaemonProcess> _daemons = [];

    private IPEndPoint Address => (IPEndPoint)_listener.LocalEndPoint!;

    public Task InitializeAsync()
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(1024);
        Assert.Equal(0, SetDescriptorFlags((int)_listener.Handle, 2, 0)); // lives on in the daemon
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        _listener.Dispose();
        foreach (var daemon in _daemons)
        {
            await daemon.DisposeAsync(); // the last one takes the folder along
        }
    }

    [Theory(Timeout = TimeoutMs)]
    [InlineData("http")]
    [InlineData("https")]
    [InlineData("sftp")]
    public async Task Restarts_under_hammering_clients_leave_no_connection_without_an_answer(string kind)
    {
        using var ended = new CancellationTokenSource();
        var answered = 0;
        var clients = new List<Task>();
        for (var round = 0; round < 4; round++)
        {
            var daemon = await StartAsync(kind);
            if (round == 0)
            {
                clients.AddRange(Enumerable.Range(0, 8).Select(_ => HammerAsync()));
            }

            var before = Volatile.Read(ref answered);
            await UntilAsync(() => Volatile.Read(ref answered) >= before + 16 || clients.Exists(client => client.IsFaulted));
            daemon.Signal("TERM");
            Assert.Equal(0, await daemon.ExitAsync());
        }

        await StartAsync(kind);
        await ended.CancelAsync();
        await Task.WhenAll(clients).WaitAsync(DaemonProcess.Patience);
        output.WriteLine($"{answered} connections, all answered");

        Task HammerAsync() => Task.Run(async () =>
        {
            while (!ended.IsCancellationRequested)
            {
                await AskAsync(kind);
                Interlocked.Increment(ref answered);
            }
        });
    }

    [Theory(Timeout = TimeoutMs)]
    [InlineData("http")]
    [InlineData("https")]
    public async Task A_request_that_comes_after_the_signal_on_a_connection_from_before_it_is_answered(string kind)
    {
        var daemon = await StartAsync(kind);
        using var early = new TcpClient();
        await early.ConnectAsync(Address);
        await AskAsync(kind); // the queue is served in order: now the early one is the daemon's
        daemon.Signal("TERM");
        await daemon.HeardAsync("STOPPING=1");
        Assert.StartsWith("HTTP/1.1 200", await AskOnAsync(early, kind, "keep-alive"), StringComparison.Ordinal);
        Assert.Equal(0, await daemon.ExitAsync());
    }

    private async Task<DaemonProcess> StartAsync(string kind)
    {
        var descriptor = (int)_listener.Handle;
        var shell = string.Create(
            CultureInfo.InvariantCulture,
            $"exec 3<&{descriptor} {descriptor}<&-; export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES={kind};");
        string[] arguments = kind switch
        {
            "http" => ["--set", "http.listen="],
            "https" => ["--set", "http.listen=127.0.0.1:0"],
            _ => ["--set", "http.enabled=false", "--set", "sftp.enabled=true"],
        };
        var daemon = DaemonProcess.StartIn(_folder, shell, arguments);
        _daemons.Add(daemon);
        await daemon.HeardAsync("READY=1");
        return daemon;
    }

    private async Task AskAsync(string kind)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(Address);
        var answer = await AskOnAsync(client, kind, "close");
        Assert.True(answer.StartsWith(kind == "sftp" ? "SSH-2.0-" : "HTTP/1.1 ", StringComparison.Ordinal), $"the answer was \"{answer}\"");
    }

    private static async Task<string> AskOnAsync(TcpClient client, string kind, string connection)
    {
        using var patience = new CancellationTokenSource(DaemonProcess.Patience);
        Stream stream = client.GetStream();
        if (kind == "https")
        {
#pragma warning disable CA5359 // Self-made, and this is about what arrives at all.
            var tls = new SslStream(stream, leaveInnerStreamOpen: false, (_, _, _, _) => true);
#pragma warning restore CA5359
            await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "localhost" }, patience.Token);
            stream = tls;
        }

        await using var open = stream;
        var question = kind == "sftp" ? "SSH-2.0-hammer\r\n" : $"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: {connection}\r\n\r\n";
        await open.WriteAsync(Encoding.ASCII.GetBytes(question), patience.Token);
        var buffer = new byte[4096];
        var length = 0;
        for (int count; length < buffer.Length && (count = await open.ReadAsync(buffer.AsMemory(length), patience.Token)) > 0;)
        {
            length += count;
            if (kind == "sftp")
            {
                break; // one line is answer enough
            }
        }

        return Encoding.Latin1.GetString(buffer, 0, length);
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        using var patience = new CancellationTokenSource(DaemonProcess.Patience);
        while (!condition())
        {
            await Task.Delay(20, patience.Token);
        }
    }

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int SetDescriptorFlags(int descriptor, int command, int flags);
}
