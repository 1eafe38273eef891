using Fluxd.Core;
using Fluxd.Transports.Sftp.Commands;
using Fluxd.Transports.Ssh.Channels;

namespace Fluxd.Transports.Sftp;

/// <summary>What SSH starts for its clients: the sftp subsystem and the few commands. The only place where the two layers meet.</summary>
public static class SftpOverSsh
{
    public static SshServices Services(SftpServices services) => new(
        [new Subsystem(services)],
        [.. RemoteCommands.Over(services.Files, services.Clock).Select(command => new Command(command.Key, command.Value, services))]);

    private sealed class Subsystem(SftpServices services) : ISshSubsystem
    {
        public string Name => "sftp";

        public async Task<int> RunAsync(ISshChannel channel, CancellationToken ct)
        {
            var client = new SftpClient(channel.Principal, channel.Peer.Address.ToString(), channel.ClientVersion) { EndedBecause = () => channel.EndedBecause };
            using var session = new SftpSession(services, client);
            await session.RunAsync(channel, channel.Draining, ct);
            return 0;
        }
    }

    private sealed class Command(string name, IRemoteCommand command, SftpServices services) : ISshCommand
    {
        public string Name => name;

        public async Task<int> RunAsync(ISshChannel channel, IReadOnlyList<ReadOnlyMemory<byte>> arguments, CancellationToken ct)
        {
            var call = new RemoteCommandCall([.. arguments.Select(word => word.ToArray())], channel.Principal, channel, channel.WriteErrorAsync)
            {
                Begin = kind => services.Transfers?.Begin("sftp", channel.Principal.UserName, channel.Peer.Address.ToString(), kind),
                EndedBecause = () => channel.EndedBecause,
            };
            try
            {
                return await command.RunAsync(call, ct);
            }
            catch (FluxException error)
            {
                FluxTelemetry.Refused("sftp", error.Error);
                await channel.WriteErrorAsync($"{name}: {error.Message}", ct);
                return 1;
            }
        }
    }
}
