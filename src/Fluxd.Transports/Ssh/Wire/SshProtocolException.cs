namespace Fluxd.Transports.Ssh.Wire;

/// <summary>The peer broke the protocol: the connection ends with <see cref="Reason"/>, is logged once, and costs nobody else anything.</summary>
internal sealed class SshProtocolException(DisconnectReason reason, string message, Exception? cause = null) : Exception(message, cause)
{
    public DisconnectReason Reason { get; } = reason;

    public static SshProtocolException Malformed(string what) => new(DisconnectReason.ProtocolError, $"Malformed packet: {what}.");
}
