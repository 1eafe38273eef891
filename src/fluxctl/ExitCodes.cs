namespace Fluxctl;

/// <summary>What scripts may rely on; docs/fluxctl.md lists them.</summary>
internal static class ExitCodes
{
    public const int Good = 0;

    /// <summary>The daemon refused, or the thing failed; the sentence on standard error says why.</summary>
    public const int Failed = 1;

    /// <summary>The command line makes no sense.</summary>
    public const int Usage = 2;

    /// <summary>store fsck found damage.</summary>
    public const int Damaged = 2;

    /// <summary>No daemon answers at the socket, or this user may not ask it.</summary>
    public const int Unreachable = 3;

    /// <summary>doctor found something bad.</summary>
    public const int Unhealthy = 4;
}

/// <summary>Ends the command with one plain sentence.</summary>
internal sealed class CommandFailure(int exitCode, string message) : Exception(message)
{
    public int ExitCode { get; } = exitCode;

    public static CommandFailure Usage(string message) => new(ExitCodes.Usage, message);

    public static CommandFailure Failed(string message) => new(ExitCodes.Failed, message);
}
