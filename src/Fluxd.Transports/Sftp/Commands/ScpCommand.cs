using Fluxd.Core;
using Fluxd.Core.Files;

namespace Fluxd.Transports.Sftp.Commands;

/// <summary>The far end of <c>scp -O</c> and of older clients: <c>scp -t</c> receives, <c>scp -f</c> sends.</summary>
internal sealed class ScpCommand(IFiles files, TimeProvider clock) : IRemoteCommand
{
    public async Task<int> RunAsync(RemoteCommandCall call, CancellationToken ct)
    {
        var (options, operands) = call.Split();
        if (operands.Count == 0 || options.Contains('t') == options.Contains('f') || (options.Contains('t') && operands.Count > 1))
        {
            await call.PrintErrorAsync("scp: only the two ends of a copy (-t PATH, -f PATH…) can be run here.", ct);
            return 1;
        }

        var wire = new ScpWire(call.Io);
        try
        {
            return options.Contains('t')
                ? await new ScpSink(files, call, wire, options).ReceiveAsync(FilePath.Parse(operands[0]), ct)
                : await new ScpSource(files, call, wire, options, clock).SendAsync(operands, ct);
        }
        catch (FluxException error)
        {
            await wire.ComplainAsync(error.Message, ct);
            return 1;
        }
        catch (EndOfStreamException)
        {
            return 1;
        }
    }
}
