using System.Net;

namespace Fluxd.Transports.Http.Proxies;

/// <summary>
/// On a connection whose PROXY header named the client. It is never local, and headers say nothing about the client:
/// such a proxy passes on what clients send.
/// </summary>
public interface IProxiedConnectionFeature
{
    /// <summary>Who really is at the other end.</summary>
    EndPoint? Proxy { get; }
}
