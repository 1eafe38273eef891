using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Fluxd.Core.Admin;

namespace Fluxctl;

/// <summary>Calls on the admin socket. A refusal becomes the daemon's own sentence.</summary>
internal sealed class AdminClient : IDisposable
{
    private readonly string _socket;
    private readonly HttpClient _http;

    public AdminClient(string socket)
    {
        _socket = socket;
        _http = new HttpClient(new SocketsHttpHandler { ConnectCallback = ConnectAsync, UseProxy = false })
        {
            BaseAddress = new Uri("http://fluxd/v1/"),

            // A reload waits for files and ports; doctor for its slowest check.
            Timeout = TimeSpan.FromMinutes(2),
        };
    }

    /// <summary>For calls that take as long as the disk needs. Before the first call.</summary>
    public AdminClient WithoutTimeout()
    {
        _http.Timeout = System.Threading.Timeout.InfiniteTimeSpan;
        return this;
    }

    public async Task<T> GetAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken ct) => await ReadAsync(await SendAsync(HttpMethod.Get, path, null, ct), type, ct);

    public async Task<T> SendAsync<TRequest, T>(
        HttpMethod method, string path, TRequest request, JsonTypeInfo<TRequest> requestType, JsonTypeInfo<T> type, CancellationToken ct) =>
        await ReadAsync(await SendAsync(method, path, JsonContent.Create(request, requestType), ct), type, ct);

    public async Task<T> PostAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken ct) => await ReadAsync(await SendAsync(HttpMethod.Post, path, null, ct), type, ct);

    public async Task<T> DeleteAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken ct) => await ReadAsync(await SendAsync(HttpMethod.Delete, path, null, ct), type, ct);

    public async Task DeleteAsync(string path, CancellationToken ct) => (await SendAsync(HttpMethod.Delete, path, null, ct)).Dispose();

    public async Task<T> PutAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken ct) => await ReadAsync(await SendAsync(HttpMethod.Put, path, null, ct), type, ct);

    public void Dispose() => _http.Dispose();

    /// <summary>One part of a path, as the daemon takes it apart again.</summary>
    public static string Part(string text) =>
        text is "" or "." or ".." ? throw CommandFailure.Usage($"\"{text}\" is no name.") : Uri.EscapeDataString(text);

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, HttpContent? content, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        HttpResponseMessage response;
        try
        {
            response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
        }
        catch (HttpRequestException failure) when (failure.InnerException is CommandFailure known)
        {
            throw known;
        }
        catch (HttpRequestException failure)
        {
            throw new CommandFailure(ExitCodes.Unreachable, $"The daemon at {_socket} hung up: {failure.Message}");
        }
        catch (TaskCanceledException) when (!ct.IsCancellationRequested)
        {
            throw new CommandFailure(ExitCodes.Unreachable, $"The daemon at {_socket} does not answer.");
        }

        if (response.IsSuccessStatusCode)
        {
            return response;
        }

        using (response)
        {
            throw await RefusalAsync(response, ct);
        }
    }

    private static async Task<T> ReadAsync<T>(HttpResponseMessage response, JsonTypeInfo<T> type, CancellationToken ct)
    {
        using (response)
        {
            try
            {
                return await response.Content.ReadFromJsonAsync(type, ct) ?? throw CommandFailure.Failed("The daemon gave an empty answer.");
            }
            catch (Exception failure) when (failure is JsonException or IOException or HttpRequestException)
            {
                throw new CommandFailure(ExitCodes.Unreachable, $"The daemon hung up in its answer, or it is no fluxd that answers there: {failure.Message}");
            }
        }
    }

    private static async Task<CommandFailure> RefusalAsync(HttpResponseMessage response, CancellationToken ct)
    {
        try
        {
            var problem = await response.Content.ReadFromJsonAsync(AdminJson.Default.ProblemRecord, ct);
            return new CommandFailure(ExitCodes.Failed, problem?.Detail ?? $"The daemon answered {(int)response.StatusCode}.");
        }
        catch (Exception failure) when (failure is JsonException or IOException or HttpRequestException)
        {
            return new CommandFailure(ExitCodes.Failed, $"The daemon answered {(int)response.StatusCode}.");
        }
    }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken ct)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(_socket), ct);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch (Exception failure) when (failure is SocketException or ArgumentException)
        {
            socket.Dispose();
            throw new CommandFailure(ExitCodes.Unreachable, Explain(failure));
        }
    }

    private string Explain(Exception failure) => (failure as SocketException)?.SocketErrorCode switch
    {
        SocketError.AccessDenied => $"You may not use {_socket}: become root, or join the group fluxd (sudo usermod -aG fluxd $USER) and log in again.",
        SocketError.ConnectionRefused => $"Nobody answers at {_socket}: the daemon is not running. Start it: sudo systemctl start fluxd",
        SocketError.AddressNotAvailable or SocketError.InvalidArgument => NotThere(),
        _ when !File.Exists(_socket) => NotThere(),
        _ => $"{_socket} can't be used: {failure.Message}",
    };

    private string NotThere() =>
        $"There is no socket {_socket}: is the daemon running (systemctl status fluxd), and is this its [admin] socket? Another one: --socket PATH";
}
