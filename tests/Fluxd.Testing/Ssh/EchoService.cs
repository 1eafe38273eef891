using System.Buffers;
using System.Text;
using Fluxd.Transports.Ssh.Channels;

namespace Fluxd.Testing.Ssh;

/// <summary>Sends back what comes: a subsystem that shows every byte's way through a channel.</summary>
public sealed class EchoSubsystem : ISshSubsystem
{
    public string Name => "echo";

    public async Task<int> RunAsync(ISshChannel channel, CancellationToken ct)
    {
        while (true)
        {
            var read = await channel.Input.ReadAsync(ct);
            foreach (var part in read.Buffer)
            {
                channel.Output.Write(part.Span);
            }

            channel.Input.AdvanceTo(read.Buffer.End);
            await channel.Output.FlushAsync(ct);
            if (read.IsCompleted)
            {
                return 0;
            }
        }
    }
}

/// <summary>Shows the words that it got, one a line.</summary>
public sealed class WordsCommand : ISshCommand
{
    public string Name => "words";

    public async Task<int> RunAsync(ISshChannel channel, IReadOnlyList<ReadOnlyMemory<byte>> arguments, CancellationToken ct)
    {
        foreach (var word in arguments)
        {
            await channel.Output.WriteAsync(word, ct);
            await channel.Output.WriteAsync(Encoding.ASCII.GetBytes("\n"), ct);
        }

        return arguments.Count;
    }
}
