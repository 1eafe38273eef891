namespace Fluxd.Transports.Net;

/// <summary><c>[net] congestion</c>.</summary>
public enum CongestionControl
{
    /// <summary>BBR for peers beyond the local network where the kernel has it, else the system's choice.</summary>
    Auto,

    /// <summary>Always the system's choice.</summary>
    System,
    Bbr,
    Cubic,
}
