using Fluxd.Core;
using Fluxd.Transports.Sftp.Commands;
using Fluxd.Transports.Ssh.Channels;

namespace Fluxd.Transports.Sftp;

/// <summary>What SSH starts for its clients: the sftp subsystem and the few commands. The only place where the two layers meet.</summary>
public static class SftpOverSsh
{
    public static SshServices Services(SftpServices services) => new(
        [new Subsystem(services)],
        [.. RemoteCommands.Over(services.Files, services.Clock).Select(command => new Command(command.Key, command.Value))]);

    private sealed class Subsystem(SftpServices services) : ISshSubsystem
    {
        public string Name => "sftp";

        public async Task<int> RunAsync(ISshChannel channel, CancellationToken ct)
        {
            using var session = new SftpSession(services, new SftpClient(channel.Principal, channel.Peer.Address.ToString(), channel.ClientVersion));
            await session.RunAsync(channel, channel.Draining, ct);
            return 0;
        }
    }

    private sealed class Command(string name, IRemoteCommand command) : ISshCommand
    {
        public string Name => name;

        public async Task<int> RunAsync(ISshChannel channel, IReadOnlyList<ReadOnlyMemory<byte>> arguments, CancellationToken ct)
        {
            var call = new RemoteCommandCall([.. arguments.Select(word => word.ToArray())], channel.Principal, channel, channel.WriteErrorAsync);
            try
            {
                return await command.RunAsync(call, ct);
            }
            catch (FluxException error)
            {
                await channel.WriteErrorAsync($"{name}: {error.Message}", ct);
                return 1;
            }
        }
    }
}
