using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.LoadTests.Runner;
using Fluxd.Transports.Client;
using Fluxd.Transports.Quic.Client;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fluxd.LoadTests.House;

internal sealed record SiteUser(string Name, string Token);

/// <summary>
/// A real daemon with users, and the ways to it. Links and SFTP sessions are opened when a user first needs them and
/// closed together when a scenario is over.
/// </summary>
internal sealed class Site : IAsyncDisposable
{
    private const string SftpUser = "u0";
    private const int UsersAtOnce = 8;

    private readonly List<SiteUser> _users = [];
    private readonly ConcurrentDictionary<string, Lazy<Task<IAsyncDisposable>>> _open = new();
    private readonly Admin _admin;
    private int _inTurn;

    private Site(TestedDaemon daemon, string work, bool hasQuic, bool hasHttp3)
    {
        (Daemon, Work, HasQuic, HasHttp3) = (daemon, work, hasQuic, hasHttp3);
        _admin = new Admin(daemon.AdminSocket);
        Http = new HttpClient(new SocketsHttpHandler { PooledConnectionIdleTimeout = TimeSpan.FromMinutes(5), AllowAutoRedirect = false }) { BaseAddress = new Uri($"http://{daemon.Http}/"), Timeout = TimeSpan.FromMinutes(5) };
    }

    public TestedDaemon Daemon { get; }

    /// <summary>For files of clients.</summary>
    public string Work { get; }

    public bool HasQuic { get; }

    /// <summary>A client of others for it is there, too.</summary>
    public bool HasHttp3 { get; }

    /// <summary>Without a credential; requests bring their own.</summary>
    public HttpClient Http { get; }

    /// <summary>What was acknowledged to any user: every scenario ends with reading it back.</summary>
    public Ledger Ledger { get; } = new();

    private string KeyFile => Path.Combine(Work, "key");

    public static async Task<Site> StartAsync(Places places, bool hasQuic)
    {
        // What a scenario asks of one address at once is many times what one person does.
        var daemon = new TestedDaemon(
            places, movesClock: false, "limits.requests_per_second=100000", "limits.requests_burst=100000", "limits.sessions_per_user=10000", "quic.connections_per_address=8192", "log.requests=errors");
        await daemon.StartAsync();
        var site = new Site(daemon, Directory.CreateDirectory(Path.Combine(places.Work, "clients")).FullName, hasQuic, hasQuic && await Http3Client.IsThereAsync());
        await Tool.RunAsync(TimeSpan.FromMinutes(1), null, null, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", site.KeyFile);
        await site.NeedUsersAsync(1, CancellationToken.None);
        await site._admin.AddKeyAsync(SftpUser, await File.ReadAllTextAsync(site.KeyFile + ".pub"), CancellationToken.None);
        return site;
    }

    /// <summary>From now on so many share what is done; makes those that are missing.</summary>
    public async Task NeedUsersAsync(int count, CancellationToken ct)
    {
        var more = new SiteUser[Math.Max(0, count - _users.Count)];
        await Parallel.ForAsync(0, more.Length, new ParallelOptions { MaxDegreeOfParallelism = UsersAtOnce, CancellationToken = ct }, async (i, stop) =>
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"u{_users.Count + i}");
            more[i] = new SiteUser(name, await _admin.AddUserAsync(name, stop));
        });
        _users.AddRange(more);
        _inTurn = count;
    }

    /// <summary>In turn, whatever the number.</summary>
    public SiteUser User(int number) => _users[number % _inTurn];

    public HttpRequestMessage Request(HttpMethod method, string path, int user, HttpContent? content = null) => Request(method, path, User(user), content);

    /// <summary>The client engine over HTTPS, one link for each user.</summary>
    public Task<HttpLink> HttpsAsync(int user) => OpenAsync($"https {user}", () => Task.FromResult(NewHttps(user)));

    public HttpLink NewHttps(int user) => new(new LinkTarget
    {
        Url = new Uri($"https://127.0.0.1:{Daemon.TlsPort}/"),
        Authorization = new AuthenticationHeaderValue("Bearer", User(user).Token),
        TrustOnFirstUse = _ => true,
    });

    /// <summary>The client engine over QUIC; over HTTPS where there is no library for it.</summary>
    public Task<ILink> QuicAsync(int user) => OpenAsync($"quic {user}", () => NewQuicAsync(user));

    public async Task<ILink> NewQuicAsync(int user)
    {
        if (!HasQuic)
        {
            return NewHttps(user);
        }

        return await PatientlyAsync(async () =>
        {
            var link = new QuicLink(new QuicTarget { Host = "127.0.0.1", Port = Daemon.TlsPort, Credential = Credential(user), TrustOnFirstUse = _ => true });
            try
            {
                await link.ConnectAsync(CancellationToken.None);
                return (ILink)link;
            }
            catch
            {
                await link.DisposeAsync();
                throw;
            }
        });
    }

    /// <summary>fluxd/1 itself, for what a link has no word for; a connection of its own.</summary>
    public Task<FluxdClient> NewFluxdAsync(int user) => PatientlyAsync(() => FluxdClient.ConnectAsync(
        new FluxdClientOptions { Server = new IPEndPoint(IPAddress.Loopback, Daemon.TlsPort), ServerName = "localhost", Credential = Credential(user), TrustOnFirstUse = _ => true },
        NullLogger.Instance,
        CancellationToken.None));

    /// <summary>All of one account, in a session for each number.</summary>
    public Task<SftpSession> SftpAsync(int number) => OpenAsync($"sftp {number}", NewSftpAsync);

    public Task<SftpSession> NewSftpAsync() => SftpSession.OpenAsync(Daemon.Sftp, SftpUser, KeyFile);

    /// <summary>Asks for a change and writes down what was acknowledged; the path is the user's own.</summary>
    public async Task<Response> KeepAsync(int user, string path, byte[] content, Func<Task<Response>> change)
    {
        var key = $"/{User(user).Name}{path}";
        Ledger.Begin(key, Ledger.Hash(content));
        var response = await change();
        if (response.IsOk)
        {
            Ledger.Acknowledge(key);
        }

        return response;
    }

    /// <summary>Reads back everything that was acknowledged, by HTTP and by its owner.</summary>
    /// <returns>How many names were compared.</returns>
    public async Task<int> ReadBackAsync(CancellationToken ct)
    {
        var paths = Ledger.Paths("/");
        await Parallel.ForEachAsync(paths, new ParallelOptions { MaxDegreeOfParallelism = UsersAtOnce, CancellationToken = ct }, async (path, stop) =>
        {
            var slash = path.IndexOf('/', 1);
            var user = int.Parse(path.AsSpan(2, slash - 2), CultureInfo.InvariantCulture);
            using var request = Request(HttpMethod.Get, "v1/files" + path[slash..], _users[user], null);
            using var answer = await Http.SendAsync(request, stop);
            Ledger.Check("HTTP", path, answer.StatusCode == HttpStatusCode.OK ? Ledger.Hash(await answer.Content.ReadAsByteArrayAsync(stop)) : null);
        });
        return paths.Count;
    }

    /// <summary>Ends every link and session that a scenario left open.</summary>
    public async Task CloseAllAsync()
    {
        foreach (var (name, _) in _open)
        {
            await CloseAsync(name);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAllAsync();
        Http.Dispose();
        _admin.Dispose();
        await Daemon.DisposeAsync();
    }

    private TokenCredential Credential(int user) => new(User(user).Token);

    /// <summary>Nothing answers within a handshake's patience where many processes share two cores: as any client, it tries again.</summary>
    private static async Task<T> PatientlyAsync<T>(Func<Task<T>> connect)
    {
        const int Tries = 6;
        for (var tried = 1; ; tried++)
        {
            try
            {
                return await connect();
            }
            catch (FluxException error) when (error.Error == FluxError.Unavailable && tried < Tries)
            {
                // Once more.
            }
        }
    }

    private static HttpRequestMessage Request(HttpMethod method, string path, SiteUser user, HttpContent? content)
    {
        var request = new HttpRequestMessage(method, path) { Content = content };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", user.Token);
        return request;
    }

    private async Task<T> OpenAsync<T>(string name, Func<Task<T>> open)
        where T : IAsyncDisposable
    {
        try
        {
            return (T)await _open.GetOrAdd(name, _ => new Lazy<Task<IAsyncDisposable>>(async () => await open())).Value;
        }
        catch
        {
            _open.TryRemove(name, out _); // the next try opens anew
            throw;
        }
    }

    private async Task CloseAsync(string name)
    {
        if (_open.TryRemove(name, out var open))
        {
            await (await open.Value).DisposeAsync();
        }
    }
}
