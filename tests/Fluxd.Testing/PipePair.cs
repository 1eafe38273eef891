using System.IO.Pipelines;

namespace Fluxd.Testing;

/// <summary>Two ends of a connection in memory, with the back-pressure of real pipes.</summary>
public sealed class PipePair
{
    public PipePair(long pauseBytes = 1 << 20)
    {
        var options = new PipeOptions(pauseWriterThreshold: pauseBytes, resumeWriterThreshold: pauseBytes / 2, useSynchronizationContext: false);
        var there = new Pipe(options);
        var back = new Pipe(options);
        Client = new End(back.Reader, there.Writer);
        Server = new End(there.Reader, back.Writer);
    }

    public IDuplexPipe Client { get; }

    public IDuplexPipe Server { get; }

    private sealed record End(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
