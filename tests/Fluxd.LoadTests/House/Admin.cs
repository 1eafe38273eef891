using System.Net.Http.Json;
using System.Net.Sockets;
using Fluxd.Core.Admin;

namespace Fluxd.LoadTests.House;

/// <summary>The calls on the admin socket that a run needs by the hundred, where a fluxctl for each would take minutes.</summary>
internal sealed class Admin : IDisposable
{
    private readonly HttpClient _http;

    public Admin(string socket)
    {
        _http = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, ct) =>
            {
                var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await connection.ConnectAsync(new UnixDomainSocketEndPoint(socket), ct);
                return new NetworkStream(connection, ownsSocket: true);
            },
        })
        {
            BaseAddress = new Uri("http://fluxd/v1/"),
        };
    }

    /// <summary>A user without a password.</summary>
    /// <returns>A token that may read and write.</returns>
    public async Task<string> AddUserAsync(string name, CancellationToken ct)
    {
        using var user = await PostAsync("users", JsonContent.Create(new AddUserRequest { Name = name }, AdminJson.Default.AddUserRequest), ct);
        using var token = await PostAsync(
            $"users/{name}/tokens", JsonContent.Create(new CreateTokenRequest { Scopes = ["read", "write"] }, AdminJson.Default.CreateTokenRequest), ct);
        return (await token.Content.ReadFromJsonAsync(AdminJson.Default.TokenAnswer, ct))!.Secret;
    }

    public async Task AddKeyAsync(string user, string line, CancellationToken ct) =>
        (await PostAsync($"users/{user}/keys", JsonContent.Create(new AddSshKeyRequest(line), AdminJson.Default.AddSshKeyRequest), ct)).Dispose();

    /// <summary>Whether the store is being collected, scrubbed, or the like.</summary>
    public async Task<bool> IsBusyAsync(CancellationToken ct) => (await StatAsync(ct)).Doing is not null;

    /// <summary>Why the store takes no more writes; null while it does.</summary>
    public async Task<string?> ProblemAsync(CancellationToken ct) => (await StatAsync(ct)).Problem;

    public void Dispose() => _http.Dispose();

    private async Task<StoreStatRecord> StatAsync(CancellationToken ct) => (await _http.GetFromJsonAsync("store/stat", AdminJson.Default.StoreStatRecord, ct))!;

    private async Task<HttpResponseMessage> PostAsync(string path, HttpContent content, CancellationToken ct)
    {
        var answer = await _http.PostAsync(path, content, ct);
        return answer.IsSuccessStatusCode ? answer : throw new InvalidOperationException($"{path} was answered with {(int)answer.StatusCode}: {await answer.Content.ReadAsStringAsync(ct)}");
    }
}
