using System.Net.Sockets;
using System.Text;

namespace Fluxd.Testing;

/// <summary>A bare socket that says what no client library would.</summary>
public sealed class RawHttp : IDisposable
{
    private readonly TcpClient _client;
    private readonly List<byte> _ahead = [];

    private RawHttp(TcpClient client) => _client = client;

    public static async Task<RawHttp> ConnectAsync(Uri address)
    {
        var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(address.Host, address.Port);
        return new RawHttp(client);
    }

    public async Task WriteAsync(string text) => await _client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(text));

    /// <summary>Up to and with the empty line after a head; less when the connection ends before.</summary>
    public async Task<string> ReadHeadAsync()
    {
        var head = new List<byte>();
        while (true)
        {
            if (_ahead.Count == 0 && !await FillAsync())
            {
                return Encoding.Latin1.GetString([.. head]);
            }

            head.Add(_ahead[0]);
            _ahead.RemoveAt(0);
            if (head.Count >= 4 && head[^1] == '\n' && head[^2] == '\r' && head[^3] == '\n')
            {
                return Encoding.Latin1.GetString([.. head]);
            }
        }
    }

    /// <summary>Everything until the server closes.</summary>
    public async Task<string> ReadToEndAsync()
    {
        while (await FillAsync())
        {
        }

        return Encoding.Latin1.GetString([.. _ahead]);
    }

    private async Task<bool> FillAsync()
    {
        var buffer = new byte[4096];
        try
        {
            var count = await _client.GetStream().ReadAsync(buffer).AsTask().WaitAsync(TimeSpan.FromMinutes(3));
            _ahead.AddRange(buffer[..count]);
            return count > 0;
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>Says that no more will come, and still listens.</summary>
    public void EndSending() => _client.Client.Shutdown(SocketShutdown.Send);

    /// <summary>Goes without a farewell, as a lost network looks in the end.</summary>
    public void Reset() => _client.Client.Close(0);

    public void Dispose() => _client.Dispose();
}
