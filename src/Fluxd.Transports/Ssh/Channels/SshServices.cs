namespace Fluxd.Transports.Ssh.Channels;

/// <summary>What <c>ssh -s NAME</c> starts. One instance serves all channels; thread-safe.</summary>
public interface ISshSubsystem
{
    string Name { get; }

    /// <summary>
    /// Runs until the client's EOF, its own end, or <paramref name="ct"/> (channel closed, connection gone, server
    /// stopping). An exception ends this channel only and is logged.
    /// </summary>
    /// <returns>The exit status.</returns>
    Task<int> RunAsync(ISshChannel channel, CancellationToken ct);
}

/// <summary>One exec command, chosen by its first word. There is no shell: words are split and unquoted, nothing is expanded.</summary>
public interface ISshCommand
{
    string Name { get; }

    /// <param name="arguments">The words after the name, in bytes: paths need not be UTF-8.</param>
    /// <returns>The exit status.</returns>
    Task<int> RunAsync(ISshChannel channel, IReadOnlyList<ReadOnlyMemory<byte>> arguments, CancellationToken ct);
}

/// <summary>Everything that a client may start; what isn't here is refused with a clear line.</summary>
public sealed record SshServices(IReadOnlyList<ISshSubsystem> Subsystems, IReadOnlyList<ISshCommand> Commands);
