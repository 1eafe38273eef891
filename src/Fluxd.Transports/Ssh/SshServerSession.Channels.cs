using System.Diagnostics.CodeAnalysis;
using System.Text;
using Fluxd.Core;
using Fluxd.Transports.Ssh.Channels;
using Fluxd.Transports.Ssh.Wire;

namespace Fluxd.Transports.Ssh;

/// <summary>RFC 4254: session channels, their requests, and the global requests that are answered.</summary>
internal sealed partial class SshServerSession
{
    private const string NoSuchCommand = "This server transfers files only (sftp, scp and a few file commands): there is no shell, no terminal and no forwarding.";
    private const int StatusRefused = 1;
    private const int StatusNotFound = 127;
    private const int StatusFault = 255;

    private const uint AdministrativelyProhibited = 1;
    private const uint UnknownChannelType = 3;
    private const uint ResourceShortage = 4;

    private readonly Dictionary<uint, SshChannel> _channels = [];
    private readonly List<Task> _services = [];
    private bool _noMoreSessions;
    private uint _channelNumbersUsed;
    private int _running;

    private ValueTask HandleConnectionAsync(byte id, ReadOnlyMemory<byte> payload)
    {
        var reader = new SshReader(payload.Span[1..]);
        switch (id)
        {
            case MessageId.ChannelOpen:
                HandleOpen(ref reader);
                break;
            case >= MessageId.ChannelWindowAdjust and <= MessageId.ChannelRequest:
                if (TryFind(ref reader, out var channel))
                {
                    HandleChannelMessage(id, channel, ref reader);
                }

                break;
            case MessageId.GlobalRequest:
                HandleGlobalRequest(ref reader);
                break;
            case MessageId.UserAuthRequest:
                // RFC 4252 (5.1): after success these are silently ignored.
                break;
            case MessageId.RequestSuccess or MessageId.RequestFailure or MessageId.ChannelSuccess or MessageId.ChannelFailure:
                break;
            default:
                SendUnimplemented();
                break;
        }

        return ValueTask.CompletedTask;
    }

    private void HandleChannelMessage(byte id, SshChannel channel, ref SshReader reader)
    {
        switch (id)
        {
            case MessageId.ChannelData:
                channel.Receive(CheckedData(ref reader));
                break;
            case MessageId.ChannelExtendedData:
                // Clients have no standard error; it counts against the window all the same.
                reader.UInt32();
                channel.Discard(CheckedData(ref reader).Length);
                break;
            case MessageId.ChannelWindowAdjust:
                channel.OpenWindow(reader.UInt32());
                break;
            case MessageId.ChannelEof:
                channel.EndInput();
                break;
            case MessageId.ChannelClose:
                HandleClose(channel);
                break;
            default:
                HandleChannelRequest(channel, ref reader);
                break;
        }
    }

    /// <summary>
    /// False for a channel that is closed already: clients with threads send window adjustments and EOF after their CLOSE.
    /// A number that was never given is a violation.
    /// </summary>
    private bool TryFind(ref SshReader reader, [NotNullWhen(true)] out SshChannel? channel)
    {
        var id = reader.UInt32();
        if (!_channels.TryGetValue(id, out channel) && id >= _channelNumbersUsed)
        {
            throw new SshProtocolException(DisconnectReason.ProtocolError, $"Channel {id} was never open.");
        }

        return channel is not null;
    }

    private static ReadOnlySpan<byte> CheckedData(ref SshReader reader)
    {
        var data = reader.String();
        return data.Length <= SshLimits.ChannelPacketBytesMax
            ? data
            : throw new SshProtocolException(DisconnectReason.ProtocolError, "The client sent more in one message than the channel takes.");
    }

    private void HandleClose(SshChannel channel)
    {
        channel.ReceiveClose();
        if (channel.Service is null or { IsCompleted: true })
        {
            Forget(channel);
        }
    }

    private void Forget(SshChannel channel)
    {
        _channels.Remove(channel.Id);
        channel.Dispose();
    }

    private void HandleOpen(ref SshReader reader)
    {
        var type = reader.Name();
        var remote = reader.UInt32();
        var window = reader.UInt32();
        var packet = reader.UInt32();
        SweepChannels();
        if (type != "session")
        {
            var (reason, text) = type is "direct-tcpip" or "direct-streamlocal@openssh.com" or "tun@openssh.com" or "x11"
                ? (AdministrativelyProhibited, "This server does not forward connections.")
                : (UnknownChannelType, "Unknown channel type.");
            RefuseOpen(remote, reason, text);
        }
        else if (_noMoreSessions || packet < SshLimits.ChannelPacketBytesMin)
        {
            RefuseOpen(remote, AdministrativelyProhibited, "No more sessions.");
        }
        else if (_channels.Count >= SshLimits.ChannelsMax)
        {
            RefuseOpen(remote, ResourceShortage, $"At most {SshLimits.ChannelsMax} channels on one connection.");
        }
        else
        {
            Open(remote, window, packet);
        }
    }

    private void Open(uint remote, uint window, uint packet)
    {
        uint id = 0;
        while (_channels.ContainsKey(id))
        {
            id++;
        }

        _channelNumbersUsed = Math.Max(_channelNumbersUsed, id + 1);
        var context = new SshChannelContext(Principal!, _peer, ClientVersion, _options.Authenticator, _options.Coordinator, Draining) { EndedBecause = () => EndedBecause };
        _channels[id] = new SshChannel(id, remote, window, packet, _outbound, context, _stop.Token);
        _outbound.Send(new SshWriter(MessageId.ChannelOpenConfirmation)
            .UInt32(remote).UInt32(id).UInt32(SshLimits.WindowBytes).UInt32(SshLimits.ChannelPacketBytesMax));
    }

    private void RefuseOpen(uint remote, uint reason, string text) =>
        _outbound.Send(new SshWriter(MessageId.ChannelOpenFailure).UInt32(remote).UInt32(reason).String(text).String(""));

    /// <summary>Channels whose service was still running when both sides had closed.</summary>
    private void SweepChannels()
    {
        foreach (var channel in _channels.Values.Where(c => c.IsGone && c.Service is null or { IsCompleted: true }).ToList())
        {
            if (channel.IsGone)
            {
                Forget(channel);
            }
        }

        _services.RemoveAll(s => s.IsCompleted);
    }

    private void HandleChannelRequest(SshChannel channel, ref SshReader reader)
    {
        var type = reader.Name();
        var wantReply = reader.Boolean();
        var started = channel.Service is null && TryStart(channel, type, ref reader, wantReply);
        if (wantReply && !started)
        {
            channel.Reply(success: false);
        }
    }

    /// <summary>True when a service runs now and the reply has been sent (before its first output).</summary>
    private bool TryStart(SshChannel channel, string type, ref SshReader reader, bool wantReply)
    {
        switch (type)
        {
            case "subsystem":
                var name = reader.Name();
                var subsystem = _options.Services.Subsystems.FirstOrDefault(s => s.Name == name);
                if (subsystem is null || (_onlySftp && name != "sftp"))
                {
                    return false;
                }

                Start(channel, name, ct => subsystem.RunAsync(channel, ct), wantReply);
                return true;
            case "exec":
                StartCommand(channel, reader.String(SshLimits.CommandBytesMax), wantReply);
                return true;
            case "shell":
                Start(channel, type, ct => RefuseAsync(channel, NoSuchCommand, StatusRefused, ct), wantReply);
                return true;
            default:
                return false;
        }
    }

    private void StartCommand(SshChannel channel, ReadOnlySpan<byte> line, bool wantReply)
    {
        if (!CommandLine.TrySplit(line, out var words) || words.Count == 0)
        {
            Start(channel, "exec", ct => RefuseAsync(channel, "The command can't be read: a quote is not closed, or it is empty.", StatusRefused, ct), wantReply);
            return;
        }

        var name = Encoding.UTF8.GetString(words[0].Span);
        var command = _onlySftp ? null : _options.Services.Commands.FirstOrDefault(c => c.Name == name);
        Start(
            channel,
            command?.Name ?? "exec",
            ct => command is null ? RefuseAsync(channel, NoSuchCommand, StatusNotFound, ct) : command.RunAsync(channel, [.. words.Skip(1)], ct),
            wantReply);
    }

    private static async Task<int> RefuseAsync(SshChannel channel, string text, int status, CancellationToken ct)
    {
        await channel.WriteErrorAsync(text, ct);
        return status;
    }

    private void Start(SshChannel channel, string name, Func<CancellationToken, Task<int>> run, bool wantReply)
    {
        if (wantReply)
        {
            channel.Reply(success: true);
        }

        channel.Service = RunServiceAsync(channel, name, run);
        _services.Add(channel.Service);
    }

    /// <summary>Off the reader from its first line; its failure ends this channel only.</summary>
    private async Task RunServiceAsync(SshChannel channel, string name, Func<CancellationToken, Task<int>> run)
    {
        Interlocked.Increment(ref _running);
        await Task.Yield();
        var status = StatusFault;
        try
        {
            status = await run(channel.Closed);
            await channel.Output.FlushAsync(channel.Closed);
        }
        catch (OperationCanceledException)
        {
            // The client closed the channel, or the connection ended.
        }
        catch (FluxException e)
        {
            await TellAsync(channel, e.Message);
        }
#pragma warning disable CA1031 // Here a channel ends: whatever a service throws is logged once and costs this channel only.
        catch (Exception e)
#pragma warning restore CA1031
        {
            SshLog.ServiceFailed(_options.Logger, name, Principal!.UserName, e);
        }

        channel.Finish(status);
        if (Interlocked.Decrement(ref _running) == 0 && Draining.IsCancellationRequested)
        {
            EndWhenIdle();
        }
    }

    private static async Task TellAsync(SshChannel channel, string text)
    {
        try
        {
            await channel.WriteErrorAsync(text, channel.Closed);
        }
        catch (OperationCanceledException)
        {
            // Nobody is there to read it.
        }
    }

    private void HandleGlobalRequest(ref SshReader reader)
    {
        var type = reader.Name();
        var wantReply = reader.Boolean();
        if (type == "no-more-sessions@openssh.com")
        {
            _noMoreSessions = true;
        }

        var proof = type == "hostkeys-prove-00@openssh.com" ? ProveHostKeys(ref reader) : null;
        if (wantReply)
        {
            _outbound.Send(proof ?? new SshWriter(MessageId.RequestFailure));
        }
    }

    /// <summary>OpenSSH's PROTOCOL (2.5): clients with UpdateHostKeys learn the other keys, and the next ones before a rotation.</summary>
    private void AnnounceHostKeys()
    {
        var message = new SshWriter(MessageId.GlobalRequest).String("hostkeys-00@openssh.com").Boolean(false);
        foreach (var key in _options.HostKeys.Used.Concat(_options.HostKeys.Next))
        {
            message.String(key.PublicBlob);
        }

        _outbound.Send(message);
    }

    private SshWriter? ProveHostKeys(ref SshReader reader)
    {
        var reply = new SshWriter(MessageId.RequestSuccess);
        var keys = _options.HostKeys.Used.Concat(_options.HostKeys.Next).ToList();
        for (var count = 0; !reader.AtEnd; count++)
        {
            var blob = reader.String(SshLimits.PublicKeyBytesMax).ToArray();
            if (count >= keys.Count || keys.Find(k => k.PublicBlob.AsSpan().SequenceEqual(blob)) is not { } key)
            {
                return null;
            }

            var data = new SshWriter(700).String("hostkeys-prove-00@openssh.com").String(_sessionId).String(blob).ToArray();
            reply.String(key.Sign(key.Algorithms[0], data));
        }

        return reply;
    }

    private async Task EndChannelsAsync()
    {
        Abort(ClientClosed);
        foreach (var channel in _channels.Values)
        {
            channel.Abandon();
        }

        await Task.WhenAll(_services);
        foreach (var channel in _channels.Values)
        {
            channel.Dispose();
        }

        _channels.Clear();
    }
}
