using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using Fluxd.Core.Admin;
using Fluxd.Testing;
using Xunit;

namespace Fluxd.EndToEnd.House;

/// <summary>The real daemon, killed in the middle of account changes.</summary>
public sealed class AccountCrashTests : IAsyncLifetime
{
    private const int TimeoutMs = 300_000;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("fluxd-crash-");
    private readonly List<DaemonProcess> _daemons = [];
    private volatile bool _killed;

    private DaemonProcess Daemon => _daemons[^1];

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (var daemon in _daemons)
        {
            await daemon.DisposeAsync();
        }

        _folder.Refresh();
        if (_folder.Exists)
        {
            _folder.Delete(recursive: true);
        }
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Kill_9_leaves_every_acknowledged_account_change_and_no_half_one()
    {
        var acknowledged = new HashSet<string>();
        for (var round = 0; round < 3; round++)
        {
            await StartAsync();
            using var client = Client();
            await Task.WhenAll(Enumerable.Range(0, 4).Select(worker => AddUntilKilledAsync(client, $"r{round}w{worker}n", acknowledged)));
        }

        await StartAsync();
        using var after = Client();
        var users = await after.GetFromJsonAsync("users", AdminJson.Default.IReadOnlyListUserRecord);
        var names = users!.Select(user => user.Name).ToHashSet();
        Assert.Empty(acknowledged.Except(names));
        Assert.True(acknowledged.Count >= 30, $"only {acknowledged.Count} changes were tried");
        Assert.All(users!.Where(user => user.Name.StartsWith('r')), user => Assert.Equal(12345, user.QuotaBytes));

        // A user without its audit line, or the other way round, would be a half.
        var lines = await after.GetFromJsonAsync("audit?kind=user.add&count=1000", AdminJson.Default.AuditPageRecord);
        Assert.Equal(names.Order(StringComparer.Ordinal), lines!.Entries.Select(entry => entry.Subject).Order(StringComparer.Ordinal));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Kill_9_in_the_midst_of_any_change_leaves_the_old_state_or_the_new_one()
    {
        const int Enough = 40;
        var done = 0;
        Changes[] workers = [.. Enumerable.Range(0, 4).Select(number => new Changes(number))];
        await StartAsync();
        using (var client = Client())
        {
            await OkAsync(client.PostAsJsonAsync("groups", new AddGroupRequest("team"), AdminJson.Default.AddGroupRequest));
            await OkAsync(client.PostAsJsonAsync("folders", new AddFolderRequest("common"), AdminJson.Default.AddFolderRequest));
            foreach (var worker in workers)
            {
                var user = new AddUserRequest { Name = worker.User, Password = Changes.FirstPassword };
                await OkAsync(client.PostAsJsonAsync("users", user, AdminJson.Default.AddUserRequest));
            }

            await Task.WhenAll(workers.Select(worker => worker.RunUntilKilledAsync(client, () =>
            {
                if (Interlocked.Increment(ref done) == Enough)
                {
                    Daemon.Signal("KILL");
                }
            })));
        }

        await StartAsync();
        using var after = Client();
        using var door = new HttpClient { BaseAddress = new Uri(Daemon.Url), Timeout = DaemonProcess.Patience };
        foreach (var worker in workers)
        {
            await worker.CheckAsync(after, door);
        }
    }

    private static async Task OkAsync(Task<HttpResponseMessage> call)
    {
        using var response = await call;
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
    }

    /// <summary>One thing that changes: what was acknowledged, and what was asked for last.</summary>
    private sealed class Tried<T>(T first)
    {
        public T Old { get; private set; } = first;

        public T New { get; private set; } = first;

        public async Task ToAsync(T next, Func<T, Task<HttpResponseMessage>> ask)
        {
            New = next;
            await OkAsync(ask(next));
            Old = next;
        }

        public void Check(T found) => Assert.Contains(found, (T[])[Old, New]);
    }

    /// <summary>One user's changes, one after the other. Each user begins with another one, so that the kill meets several kinds at once.</summary>
    private sealed class Changes(int number)
    {
        public const string FirstPassword = "correct horse 0";

        private static readonly string?[] s_accesses = [null, "read", "write"];

        private readonly string _key = KeyOf(number);
        private readonly Tried<long?> _quota = new(null);
        private readonly Tried<string> _state = new("active");
        private readonly Tried<bool> _isMember = new(false);
        private readonly Tried<int> _tokens = new(0);
        private readonly Tried<string> _password = new(FirstPassword);
        private readonly Tried<bool> _hasKey = new(false);
        private readonly Tried<bool> _hasFolder = new(false);
        private readonly Tried<string?> _access = new(null);

        public string User => "w" + number;

        public async Task RunUntilKilledAsync(HttpClient client, Action acknowledged)
        {
            Func<int, Task>[] changes =
            [
                i => _quota.ToAsync(i, bytes => client.PutAsJsonAsync($"users/{User}/quota", new SetQuotaRequest { SetBytes = true, Bytes = bytes }, AdminJson.Default.SetQuotaRequest)),
                _ => _state.ToAsync(_state.Old == "active" ? "disabled" : "active", state => client.PutAsJsonAsync($"users/{User}/state", new SetStateRequest(state, null, null), AdminJson.Default.SetStateRequest)),
                _ => _isMember.ToAsync(!_isMember.Old, join => join ? client.PutAsync($"groups/team/members/{User}", null) : client.DeleteAsync($"groups/team/members/{User}")),
                i => _tokens.ToAsync(_tokens.Old + 1, _ => client.PostAsJsonAsync($"users/{User}/tokens", new CreateTokenRequest { Scopes = ["read"], Name = "t" + i }, AdminJson.Default.CreateTokenRequest)),
                i => _password.ToAsync("correct horse " + i, password => client.PutAsJsonAsync($"users/{User}/password", new SetPasswordRequest(password, OneTime: false), AdminJson.Default.SetPasswordRequest)),
                _ => _hasKey.ToAsync(!_hasKey.Old, add => add
                    ? client.PostAsJsonAsync($"users/{User}/keys", new AddSshKeyRequest(_key), AdminJson.Default.AddSshKeyRequest)
                    : client.DeleteAsync($"users/{User}/keys/{Uri.EscapeDataString(FingerprintOf(_key))}")),
                _ => _hasFolder.ToAsync(!_hasFolder.Old, add => add
                    ? client.PostAsJsonAsync("folders", new AddFolderRequest(User), AdminJson.Default.AddFolderRequest)
                    : client.DeleteAsync("folders/" + User)),
                i => _access.ToAsync(s_accesses[i % s_accesses.Length], access => client.PutAsJsonAsync("folders/common/rights", new SetRightRequest(User, Group: false, access), AdminJson.Default.SetRightRequest)),
            ];
            try
            {
                for (var i = 1; ; i++)
                {
                    await changes[(i + (2 * number)) % changes.Length](i);
                    acknowledged();
                }
            }
            catch (Exception cut) when (cut is HttpRequestException or IOException)
            {
                // Killed.
            }
        }

        /// <param name="door">The HTTP listener: whether a password works is seen by logging in.</param>
        public async Task CheckAsync(HttpClient client, HttpClient door)
        {
            var found = (await client.GetFromJsonAsync($"users/{User}", AdminJson.Default.UserAnswer))!.User;
            _quota.Check(found.QuotaBytes);
            _state.Check(found.State);
            var team = (await client.GetFromJsonAsync("groups", AdminJson.Default.IReadOnlyListGroupRecord))!.Single();
            _isMember.Check(team.Members.Contains(User));
            var tokens = await client.GetFromJsonAsync($"users/{User}/tokens", AdminJson.Default.IReadOnlyListTokenRecord);
            _tokens.Check(tokens!.Count);
            var keys = await client.GetFromJsonAsync($"users/{User}/keys", AdminJson.Default.IReadOnlyListSshKeyRecord);
            _hasKey.Check(keys!.Count == 1);
            Assert.All(keys, key => Assert.Equal(FingerprintOf(_key), key.Fingerprint));
            var folders = await client.GetFromJsonAsync("folders", AdminJson.Default.IReadOnlyListFolderRecord);
            _hasFolder.Check(folders!.Any(folder => folder.Name == User));
            _access.Check(folders!.Single(folder => folder.Name == "common").Rights.SingleOrDefault(right => right.Holder == User)?.Access);
            await OkAsync(client.PutAsJsonAsync($"users/{User}/state", new SetStateRequest("active", null, null), AdminJson.Default.SetStateRequest));
            var newWorks = await MayEnterAsync(door, _password.New);
            var oldWorks = _password.Old != _password.New && await MayEnterAsync(door, _password.Old);
            Assert.True(newWorks != oldWorks, $"{User}: the old password {oldWorks}, the new one {newWorks}");
        }

        private async Task<bool> MayEnterAsync(HttpClient door, string password)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/whoami");
            request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{User}:{password}")));
            using var answer = await door.SendAsync(request);
            return answer.IsSuccessStatusCode;
        }

        /// <summary>RFC 8709: two strings with their lengths; 32 bytes of any kind will do where nobody signs.</summary>
        private static string KeyOf(int number)
        {
            byte[] point = [.. Enumerable.Repeat((byte)(number + 1), 32)];
            return "ssh-ed25519 " + Convert.ToBase64String([0, 0, 0, 11, .. "ssh-ed25519"u8, 0, 0, 0, 32, .. point]);
        }

        private static string FingerprintOf(string key) =>
            "SHA256:" + Convert.ToBase64String(SHA256.HashData(Convert.FromBase64String(key.Split(' ')[1]))).TrimEnd('=');
    }

    private async Task AddUntilKilledAsync(HttpClient client, string prefix, HashSet<string> acknowledged)
    {
        for (var i = 0; ; i++)
        {
            try
            {
                var request = new AddUserRequest { Name = prefix + i, QuotaBytes = 12345 };
                using var response = await client.PostAsJsonAsync("users", request, AdminJson.Default.AddUserRequest);
                Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
            }
            catch (Exception cut) when (cut is HttpRequestException or IOException)
            {
                Assert.True(_killed, "the connection was cut before the daemon was killed: " + cut);
                return;
            }

            lock (acknowledged)
            {
                acknowledged.Add(prefix + i);
                if (acknowledged.Count % 17 == 16)
                {
                    _killed = true;
                    Daemon.Signal("KILL");
                }
            }
        }
    }

    /// <summary>The first time, and again on the same data when the one before was killed.</summary>
    private async Task StartAsync()
    {
        if (_daemons.Count > 0)
        {
            await Daemon.ExitAsync();
        }

        _killed = false;
        _daemons.Add(DaemonProcess.StartIn(_folder, "--set", "http.listen=127.0.0.1:0"));
        await Daemon.ReadyAsync();
    }

    private HttpClient Client() => UnixHttp.Client(Daemon.Socket);
}
