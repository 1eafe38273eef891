using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Fluxd.EndToEnd.House;
using Fluxd.Testing.Quic;
using Xunit;
using Xunit.Abstractions;

namespace Fluxd.EndToEnd.Quic;

/// <summary>
/// fluxctl and the daemon with a bad path between them: one packet in twenty is lost, others overtake each other. What
/// then happens in the middle of an upload must cost neither bytes that the server already acknowledged nor the file.
/// </summary>
public sealed class LossyPathTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const int Size = 32_000_000;
    private const int Middle = 20_000_000;

    /// <summary>Chunks that wait for their recipe are received, not promised: a killed daemon forgets two of the client's windows at most.</summary>
    private const int ReceivedOnly = 2 * (8 << 20);
    private readonly int _seed = Random.Shared.Next();
    private ServedDaemon _served = null!;
    private UdpForwarder _path = null!;
    private byte[] _bytes = null!;

    public async Task InitializeAsync()
    {
        output.WriteLine($"seed {_seed}");
        _served = await ServedDaemon.StartAsync();
        _path = new UdpForwarder(
            new IPEndPoint(IPAddress.Loopback, _served.Port),
            new LinkConditions { Delay = TimeSpan.FromMilliseconds(3), Jitter = TimeSpan.FromMilliseconds(2), Loss = 0.05, BytesPerSecond = 4_000_000 },
            _seed);
        await _served.Ctl.LoginAsync($"quic://127.0.0.1:{_served.Port}", _served.Daemon.Password);
        await TurnToAsync(_path.EndPoint.Port);
        _bytes = await _served.MakeFileAsync("film.bin", Size);
    }

    public async Task DisposeAsync()
    {
        await _path.DisposeAsync();
        await _served.DisposeAsync();
    }

    [QuicFact(Timeout = 300_000)]
    public async Task An_upload_survives_ten_seconds_without_a_link()
    {
        await UploadAsync(async () =>
        {
            _path.IsDown = true;
            await Task.Delay(TimeSpan.FromSeconds(10));
            _path.IsDown = false;
        });
        await SameBytesCameBackAsync();
    }

    [QuicFact(Timeout = 300_000)]
    public async Task An_upload_survives_a_NAT_that_forgets_again_and_again()
    {
        await UploadAsync(async () =>
        {
            for (var i = 0; i < 3; i++)
            {
                _path.Rebind();
                await Task.Delay(TimeSpan.FromMilliseconds(300));
            }
        });
        await SameBytesCameBackAsync();
    }

    [QuicFact(Timeout = 300_000)]
    public async Task An_upload_survives_a_restart_of_the_daemon_in_the_middle()
    {
        await UploadAsync(
            async () =>
            {
                _served.Daemon.Signal("KILL");
                await _served.Daemon.ExitAsync();
                _served = await ServedDaemon.StartInAsync(_served.Daemon.Folder, _served.Port);
            },
            ReceivedOnly);
        await SameBytesCameBackAsync();
    }

    [QuicFact(Timeout = 300_000)]
    public async Task An_upload_whose_client_was_killed_is_finished_by_the_next_run()
    {
        using var first = Put();
        var acknowledged = await AcknowledgedAsync(first, Middle);
        first.Kill();
        await first.WaitForExitAsync();

        using var second = Put();
        var moved = await MovedAsync(second);
        NothingTwice(acknowledged + moved);
        await SameBytesCameBackAsync();
    }

    private Process Put() => _served.Ctl.Start("put", _served.Local("film.bin"), "--quic", "--json");

    private async Task UploadAsync(Func<Task> happens, int mayTravelAgain = 0)
    {
        using var put = Put();
        await AcknowledgedAsync(put, Middle);
        await happens();
        NothingTwice(await MovedAsync(put), mayTravelAgain);
    }

    /// <summary>Less than 5 % of what had been acknowledged may travel again.</summary>
    private void NothingTwice(long moved, int mayTravelAgain = 0)
    {
        output.WriteLine($"{moved} bytes moved for {Size}; {_path.BytesUp} on the path");
        Assert.True(moved <= Size + (Middle / 20) + mayTravelAgain, $"{moved} bytes moved for {Size}");
    }

    private async Task SameBytesCameBackAsync()
    {
        // Straight, not over the bad path: what is asked here is whether the server has the file.
        await TurnToAsync(_served.Port);
        await _served.Ctl.RunAsync("get", "/film.bin", _served.Local("back.bin"), "--quic");
        Assert.Equal(SHA256.HashData(_bytes), SHA256.HashData(await File.ReadAllBytesAsync(_served.Local("back.bin"))));
    }

    private async Task TurnToAsync(int port)
    {
        var path = _served.Local("fluxctl/profiles.json");
        var file = JsonNode.Parse(await File.ReadAllTextAsync(path))!;
        file["profiles"]!["default"]!["quic"] = $"127.0.0.1:{port}";
        await File.WriteAllTextAsync(path, file.ToJsonString());
    }

    /// <summary>Reads on until this many bytes are acknowledged; the last count that was told.</summary>
    private static async Task<long> AcknowledgedAsync(Process put, long bytes)
    {
        var told = 0L;
        while (told < bytes && await put.StandardOutput.ReadLineAsync() is { } line)
        {
            told = Number(line, "progress", "moved") ?? told;
        }

        Assert.True(told >= bytes, "the client ended early: " + (told < bytes ? await put.StandardError.ReadToEndAsync() : ""));
        return told;
    }

    private static async Task<long> MovedAsync(Process put)
    {
        long? moved = null;
        var errors = put.StandardError.ReadToEndAsync();
        while (await put.StandardOutput.ReadLineAsync() is { } line)
        {
            moved = Number(line, "sent", "moved") ?? moved;
        }

        await put.WaitForExitAsync();
        Assert.True(put.ExitCode == 0, await errors);
        return moved ?? throw new InvalidOperationException("the client told no result");
    }

    private static long? Number(string line, string about, string field)
    {
        var json = JsonDocument.Parse(line).RootElement;
        return json.GetProperty("event").GetString() == about && json.TryGetProperty(field, out var value) ? value.GetInt64() : null;
    }
}
