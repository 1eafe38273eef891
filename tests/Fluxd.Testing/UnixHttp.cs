using System.Net.Sockets;

namespace Fluxd.Testing;

/// <summary>HTTP on an admin socket, below its version.</summary>
public static class UnixHttp
{
    public static HttpClient Client(string path) => new(new SocketsHttpHandler { ConnectCallback = (_, ct) => ConnectAsync(path, ct) }) { BaseAddress = new Uri("http://fluxd/v1/") };

    private static async ValueTask<Stream> ConnectAsync(string path, CancellationToken ct)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), ct);
        return new NetworkStream(socket, ownsSocket: true);
    }
}
