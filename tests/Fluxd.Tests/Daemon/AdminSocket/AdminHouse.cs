using System.Net.Http.Json;
using System.Text;
using Fluxd.Core.Admin;
using Fluxd.Core.Files;
using Fluxd.Core.Transfers;
using Fluxd.Daemon.AdminSocket;
using Fluxd.Testing;
using Fluxd.Tests.Store.Accounts;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fluxd.Tests.Daemon.AdminSocket;

/// <summary>The admin socket as in the daemon: a real Unix socket, real accounts; only the daemon behind it is a double.</summary>
internal sealed class AdminHouse : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("fluxd-admin-");

    private AdminHouse(House house) => House = house;

    public House House { get; }

    public Control Daemon { get; } = new();

    public AdminFrontend Frontend { get; private set; } = null!;

    public string Socket => Path.Combine(_folder.FullName, "fluxd.sock");

    public string Folder => _folder.FullName;

    public HttpClient Client { get; private set; } = null!;

    public static async Task<AdminHouse> MakeAsync(Func<AdminOptions, AdminOptions>? change = null, params IDoctorCheck[] checks)
    {
        var admin = new AdminHouse(await House.MakeAsync());
        admin.Frontend = admin.Make(change, checks);
        await admin.Frontend.StartAsync(CancellationToken.None);
        admin.Client = UnixHttp.Client(admin.Socket);
        return admin;
    }

    public AdminFrontend Make(Func<AdminOptions, AdminOptions>? change = null, params IDoctorCheck[] checks)
    {
        var options = new AdminOptions(Socket);
        var services = new AdminServices(House.Accounts, House.Identity.Sessions, Daemon, Daemon) { Checks = checks };
        return new AdminFrontend(services, change?.Invoke(options) ?? options, NullLoggerFactory.Instance);
    }

    public async Task<ProblemRecord> RefusalAsync(HttpMethod method, string path, string? json, int status)
    {
        using var request = new HttpRequestMessage(method, path) { Content = json is null ? null : new StringContent(json, Encoding.UTF8, "application/json") };
        using var response = await Client.SendAsync(request);
        Xunit.Assert.Equal(status, (int)response.StatusCode);
        Xunit.Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        return (await response.Content.ReadFromJsonAsync(AdminJson.Default.ProblemRecord))!;
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await Frontend.DisposeAsync();
        await House.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    internal sealed class Control : IDaemonControl, ITransfers
    {
        public ReloadRecord Reload { get; set; } = new(true, [], []);

        public ValueTask<StatusRecord> StatusAsync(CancellationToken ct) => new(new StatusRecord
        {
            Version = "9.9",
            State = "ready",
            Frontends = [new FrontendRecord("http", true, true, ["127.0.0.1:8080"], 3)],
            Problems = ["the disk is old"],
        });

        public Task<ReloadRecord> ReloadAsync(CancellationToken ct) => Task.FromResult(Reload);

        public ITransfer Begin(string frontend, string userName, string peer, string kind, string? id = null) => throw new NotSupportedException();

        public TransferReport? Find(string id) => id == "T1"
            ? new TransferReport("T1", "sftp", "anna", "192.0.2.1", "upload", new FileTime(0), null, 7, 5, null, [new TransferEvent(new FileTime(0), "client closed")])
            : null;

        public IReadOnlyList<TransferReport> Recent(int count) => [Find("T1")!];
    }
}
