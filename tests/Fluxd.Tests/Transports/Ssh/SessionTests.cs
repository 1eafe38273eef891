using Fluxd.Core.Coordination;
using Fluxd.Testing;
using Fluxd.Transports.Ssh;
using Fluxd.Transports.Ssh.Wire;
using Xunit;
using Xunit.Abstractions;

namespace Fluxd.Tests.Transports.Ssh;

public sealed class SessionTests(ITestOutputHelper output)
{
    private const int TimeoutMs = 30_000;

    [Theory(Timeout = TimeoutMs)]
    [InlineData(MessageId.Ignore)]
    [InlineData(MessageId.Debug)]
    [InlineData(MessageId.Unimplemented)]
    [InlineData(MessageId.ServiceRequest)]
    [InlineData(MessageId.ChannelOpen)]
    [InlineData(MessageId.NewKeys)]
    public async Task Under_strict_rules_nothing_else_may_come_before_the_first_keys(byte id)
    {
        await using var client = new SshTestClient();
        await client.GreetAsync();
        client.Send(new SshWriter(id).UInt32(0));
        Assert.Equal(DisconnectReason.ProtocolError, (await client.DisconnectedAsync()).Reason);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Under_strict_rules_KEXINIT_must_be_the_first_packet()
    {
        await using var client = new SshTestClient();
        await client.GreetAsync(beforeKexInit: () => client.Send(new SshWriter(MessageId.Ignore).String("")));
        await client.DisconnectedAsync();
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_client_without_strict_rules_may_ignore_and_still_gets_keys()
    {
        await using var client = new SshTestClient();
        await client.GreetAsync(strict: false);
        client.Send(new SshWriter(MessageId.Ignore).String("x"));
        await client.ExchangeKeysAsync();
        await client.StartAuthAsync();
    }

    /// <summary>Without the list an RSA client tries ssh-rsa with SHA-1, which is refused (RFC 8332, section 3.3).</summary>
    [Fact(Timeout = TimeoutMs)]
    public async Task The_first_keys_are_followed_by_what_signatures_are_taken()
    {
        await using var client = new SshTestClient();
        await client.GreetAsync();
        await client.ExchangeKeysAsync();

        var extensions = Read(client.ExtInfo);
        var algorithms = extensions["server-sig-algs"].Split(',');
        Assert.Equal("ssh-ed25519", algorithms[0]);
        Assert.Contains("rsa-sha2-512", algorithms);
        Assert.Contains("rsa-sha2-256", algorithms);
        Assert.DoesNotContain("ssh-rsa", algorithms);
        Assert.Equal("0", extensions["publickey-hostbound@openssh.com"]);
        Assert.Equal("0", extensions["ping@openssh.com"]);

        static Dictionary<string, string> Read(byte[] payload)
        {
            var reader = new SshReader(payload.AsSpan(1));
            var all = new Dictionary<string, string>();
            for (var left = reader.UInt32(); left > 0; left--)
            {
                all.Add(reader.Text(100), reader.Text(1000));
            }

            return all;
        }
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Strict_keys_count_from_zero_again_also_after_a_rekey()
    {
        await using var client = new SshTestClient();
        await client.GreetAsync();
        await client.ExchangeKeysAsync();
        await client.StartAuthAsync();
        client.Send(SshTestClient.Password("anna", "secret"));
        await client.ReceiveUntilAsync(MessageId.GlobalRequest);
        for (var round = 0; round < 3; round++)
        {
            await client.RekeyAsync();
            await PingAsync(client);
        }
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task What_a_client_sends_after_its_own_KEXINIT_is_answered_after_the_rekey()
    {
        await using var client = new SshTestClient();
        await client.LogInAsync();
        await client.OpenEchoAsync();
        for (var round = 0; round < 5; round++)
        {
            await client.RekeyAsync(between: () => client.Send(Data("hello"u8)));
            var echoed = await client.ReceiveUntilAsync(MessageId.ChannelData);
            Assert.Equal("hello"u8.ToArray(), echoed[9..]);
        }
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task The_server_asks_for_new_keys_when_enough_has_passed()
    {
        await using var client = new SshTestClient(o => o with { RekeyBytes = 100_000 });
        await client.LogInAsync();
        await client.OpenEchoAsync();
        var chunk = new byte[20_000];
        byte[]? got = null;
        for (var i = 0; i < 10 && got is not [MessageId.KexInit, ..]; i++)
        {
            client.Send(Data(chunk));
            do
            {
                got = await client.ReceiveAsync();
            }
            while (got![0] is not (MessageId.ChannelData or MessageId.KexInit));
        }

        Assert.Equal(MessageId.KexInit, got![0]);
        await client.RekeyAsync(got);
        client.Send(new SshWriter(MessageId.Ping).String("there?"));
        await client.ReceiveUntilAsync(MessageId.Pong);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Ping_is_answered_with_its_own_words()
    {
        await using var client = new SshTestClient();
        await client.LogInAsync();
        await PingAsync(client);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task More_than_the_window_ends_the_connection()
    {
        await using var client = new SshTestClient();
        await client.LogInAsync();
        client.Send(new SshWriter(MessageId.ChannelOpen).String("session").UInt32(0).UInt32(0).UInt32(32768));
        await client.ReceiveUntilAsync(MessageId.ChannelOpenConfirmation);
        for (var sent = 0; sent <= SshLimits.WindowBytes; sent += 64 * 1024)
        {
            client.Send(Data(new byte[64 * 1024]));
            await PingOrEndAsync(client);
        }

        await client.Run;
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_reader_that_does_not_read_holds_its_writer_and_nobody_else()
    {
        await using var client = new SshTestClient();
        await client.LogInAsync();
        await client.OpenEchoAsync(window: 0);
        for (var i = 0; i < 20; i++)
        {
            client.Send(Data(new byte[32 * 1024]));
        }

        await PingAsync(client);
        client.Send(new SshWriter(MessageId.ChannelWindowAdjust).UInt32(0).UInt32(10));
        Assert.Equal(10 + 9, (await client.ReceiveUntilAsync(MessageId.ChannelData)).Length);
    }

    [Theory(Timeout = TimeoutMs)]
    [InlineData("direct-tcpip")]
    [InlineData("x11")]
    [InlineData("tun@openssh.com")]
    [InlineData("something")]
    public async Task Other_channels_than_sessions_are_refused(string type)
    {
        await using var client = new SshTestClient();
        await client.LogInAsync();
        client.Send(new SshWriter(MessageId.ChannelOpen).String(type).UInt32(3).UInt32(1000).UInt32(32768).String("localhost").UInt32(22));
        Assert.Equal(3, (await client.ReceiveUntilAsync(MessageId.ChannelOpenFailure))[4]);
        client.Send(new SshWriter(MessageId.GlobalRequest).String("tcpip-forward").Boolean(true).String("").UInt32(0));
        await client.ReceiveUntilAsync(MessageId.RequestFailure);
        client.Send(new SshWriter(MessageId.GlobalRequest).String("keepalive@openssh.com").Boolean(true));
        await client.ReceiveUntilAsync(MessageId.RequestFailure);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Channels_are_limited_and_their_numbers_come_back()
    {
        await using var client = new SshTestClient();
        await client.LogInAsync();
        for (var i = 0; i < SshLimits.ChannelsMax; i++)
        {
            client.Send(new SshWriter(MessageId.ChannelOpen).String("session").UInt32(0).UInt32(1000).UInt32(32768));
            await client.ReceiveUntilAsync(MessageId.ChannelOpenConfirmation);
        }

        client.Send(new SshWriter(MessageId.ChannelOpen).String("session").UInt32(0).UInt32(1000).UInt32(32768));
        await client.ReceiveUntilAsync(MessageId.ChannelOpenFailure);
        client.Send(new SshWriter(MessageId.ChannelClose).UInt32(5));
        await client.ReceiveUntilAsync(MessageId.ChannelClose);
        client.Send(new SshWriter(MessageId.ChannelWindowAdjust).UInt32(5).UInt32(5));
        client.Send(new SshWriter(MessageId.ChannelOpen).String("session").UInt32(0).UInt32(1000).UInt32(32768));
        Assert.Equal(5, (await client.ReceiveUntilAsync(MessageId.ChannelOpenConfirmation))[8]);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task The_deadline_counts_from_accept_whatever_is_sent()
    {
        var time = new ManualTime();
        await using var client = new SshTestClient(o => o with { Time = time });
        time.Advance(TimeSpan.FromSeconds(5));
        await client.GreetAsync();
        await client.ExchangeKeysAsync();
        time.Advance(TimeSpan.FromSeconds(50));
        await client.StartAuthAsync();
        Assert.False(client.Run.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(6));
        await client.Run;
        Assert.Equal(Misdeed.GraceExceeded, client.Session.Misdeed);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_silent_connection_ends_after_the_first_seconds()
    {
        var time = new ManualTime();
        await using var client = new SshTestClient(o => o with { Time = time });
        time.Advance(TimeSpan.FromSeconds(11));
        await client.Run;
    }

    [Theory(Timeout = TimeoutMs)]
    [InlineData("GET / HTTP/1.1\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n")]
    [InlineData("SSH-1.5-old\r\n")]
    [InlineData("SSH-2.0-\r\n")]
    public async Task Garbage_instead_of_a_version_ends_it(string line)
    {
        await using var client = new SshTestClient();
        client.SendRaw(System.Text.Encoding.ASCII.GetBytes(line));
        await client.Run;
        Assert.Equal(Misdeed.ProtocolViolation, client.Session.Misdeed);
    }

    [Fact(Timeout = 120_000)]
    public async Task Random_messages_cost_at_most_their_own_connection()
    {
        var seed = Random.Shared.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        for (var round = 0; round < 60; round++)
        {
            await using var client = new SshTestClient();
            await client.LogInAsync();
            await client.OpenEchoAsync();
            for (var i = 0; i < 30; i++)
            {
                var noise = new byte[random.Next(1, 80)];
                random.NextBytes(noise);
                noise[0] = (byte)(random.Next(4) == 0 ? random.Next(256) : random.Next(80, 101));
                if (random.Next(2) == 0 && noise.Length > 4)
                {
                    noise.AsSpan(1, 4).Clear();
                }

                client.Send(new SshWriter(100).Raw(noise));
            }

            client.Send(new SshWriter(MessageId.Disconnect).UInt32(11).String("").String(""));
            await client.Run;
        }
    }

    [Theory(Timeout = TimeoutMs)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_stop_says_so_to_a_connection_on_which_nothing_runs_and_lets_it_close_first(bool loggedIn)
    {
        await using var client = new SshTestClient();
        if (loggedIn)
        {
            await client.LogInAsync();
        }
        else
        {
            await client.GreetAsync();
        }

        client.Session.EndWhenIdle();
        var said = await client.ReceiveUntilAsync(MessageId.Disconnect);
        Assert.Contains("stopping", System.Text.Encoding.UTF8.GetString(said), StringComparison.Ordinal);
        Assert.Equal((byte)DisconnectReason.ByApplication, said[4]);
        client.Send(new SshWriter(MessageId.Ignore).String("crossing the farewell"));
        await client.HangUpAsync();
        await client.Run;
    }

    private static SshWriter Data(ReadOnlySpan<byte> data) => new SshWriter(data.Length + 9).Byte(MessageId.ChannelData).UInt32(0).String(data);

    private static async Task PingAsync(SshTestClient client)
    {
        client.Send(new SshWriter(MessageId.Ping).String("there?"));
        var pong = await client.ReceiveUntilAsync(MessageId.Pong);
        Assert.Equal("there?"u8.ToArray(), pong[5..]);
    }

    private static async Task PingOrEndAsync(SshTestClient client)
    {
        client.Send(new SshWriter(MessageId.Ping).String("there?"));
        while (await client.ReceiveAsync() is { } payload && payload[0] != MessageId.Pong)
        {
        }
    }
}
