using System.Diagnostics;
using System.Net.Http.Json;
using System.Net.Sockets;
using Fluxd.Core.Admin;
using Xunit;

namespace Fluxd.EndToEnd.House;

/// <summary>The real daemon, killed in the middle of account changes; and fluxctl against it.</summary>
public sealed class AccountCrashTests : IDisposable
{
    private const int TimeoutMs = 300_000;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("fluxd-crash-");
    private Process? _daemon;
    private volatile bool _killed;

    private string Socket => Path.Combine(_folder.FullName, "fluxd.sock");

    public void Dispose()
    {
        _daemon?.Kill();
        _daemon?.WaitForExit();
        _daemon?.Dispose();
        _folder.Delete(recursive: true);
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
            await _daemon!.WaitForExitAsync();
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
        const int Enough = 60;
        var done = 0;
        Changes[] workers = [.. Enumerable.Range(0, 4).Select(number => new Changes("w" + number))];
        await StartAsync();
        using (var client = Client())
        {
            await OkAsync(client.PostAsJsonAsync("groups", new AddGroupRequest("team"), AdminJson.Default.AddGroupRequest));
            foreach (var worker in workers)
            {
                await OkAsync(client.PostAsJsonAsync("users", new AddUserRequest { Name = worker.User }, AdminJson.Default.AddUserRequest));
            }

            await Task.WhenAll(workers.Select(worker => worker.RunUntilKilledAsync(client, () =>
            {
                if (Interlocked.Increment(ref done) == Enough)
                {
                    _daemon!.Kill();
                }
            })));
        }

        await _daemon!.WaitForExitAsync();
        await StartAsync();
        using var after = Client();
        foreach (var worker in workers)
        {
            await worker.CheckAsync(after);
        }
    }

    private static async Task OkAsync(Task<HttpResponseMessage> call)
    {
        using var response = await call;
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
    }

    /// <summary>One user's changes, one after the other: what was acknowledged, and what was asked for last.</summary>
    private sealed class Changes(string user)
    {
        private (long? Old, long? New) _quota;
        private (string Old, string New) _state = ("active", "active");
        private (bool Old, bool New) _isMember;
        private (int Old, int New) _tokens;

        public string User => user;

        public async Task RunUntilKilledAsync(HttpClient client, Action acknowledged)
        {
            try
            {
                for (var i = 1; ; i++)
                {
                    _quota.New = i;
                    await OkAsync(client.PutAsJsonAsync($"users/{user}/quota", new SetQuotaRequest { SetBytes = true, Bytes = i }, AdminJson.Default.SetQuotaRequest));
                    _quota.Old = i;
                    acknowledged();
                    _state.New = _state.Old == "active" ? "disabled" : "active";
                    await OkAsync(client.PutAsJsonAsync($"users/{user}/state", new SetStateRequest(_state.New, null, null), AdminJson.Default.SetStateRequest));
                    _state.Old = _state.New;
                    acknowledged();
                    _isMember.New = !_isMember.Old;
                    await OkAsync(_isMember.New ? client.PutAsync($"groups/team/members/{user}", null) : client.DeleteAsync($"groups/team/members/{user}"));
                    _isMember.Old = _isMember.New;
                    acknowledged();
                    _tokens.New++;
                    await OkAsync(client.PostAsJsonAsync($"users/{user}/tokens", new CreateTokenRequest { Scopes = ["read"], Name = "t" + i }, AdminJson.Default.CreateTokenRequest));
                    _tokens.Old++;
                    acknowledged();
                }
            }
            catch (Exception cut) when (cut is HttpRequestException or IOException)
            {
                // Killed.
            }
        }

        public async Task CheckAsync(HttpClient client)
        {
            var found = (await client.GetFromJsonAsync($"users/{user}", AdminJson.Default.UserAnswer))!.User;
            Assert.Contains(found.QuotaBytes, (long?[])[_quota.Old, _quota.New]);
            Assert.Contains(found.State, (string[])[_state.Old, _state.New]);
            var team = (await client.GetFromJsonAsync("groups", AdminJson.Default.IReadOnlyListGroupRecord))!.Single();
            Assert.Contains(team.Members.Contains(user), (bool[])[_isMember.Old, _isMember.New]);
            var tokens = await client.GetFromJsonAsync($"users/{user}/tokens", AdminJson.Default.IReadOnlyListTokenRecord);
            Assert.InRange(tokens!.Count, _tokens.Old, _tokens.New);
        }
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_newcomer_finds_a_first_user_adds_another_and_asks_the_doctor()
    {
        await StartAsync();
        Assert.Equal(0, (await FluxctlAsync("correct horse\n", "users", "add", "anna", "--password-stdin")).Code);
        Assert.Equal(1, (await FluxctlAsync("correct horse\n", "users", "add", "anna", "--password-stdin")).Code);
        Assert.Contains("ready", (await FluxctlAsync("", "status")).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await FluxctlAsync("", "reload", "--wait")).Code);
        var doctor = (await FluxctlAsync("", "doctor")).Output;
        Assert.All(["disk.free", "limits.nofile", "clock.synchronised", "store.permissions", "security.passwords"], check => Assert.Contains(check, doctor, StringComparison.Ordinal));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Store_init_makes_an_empty_store_once()
    {
        var config = Path.Combine(_folder.FullName, "fluxd.toml");
        await File.WriteAllTextAsync(config, $"[store]\npath = \"{_folder.FullName}/data\"\n");
        Assert.Equal(0, (await FluxctlAsync("", "store", "init", "--config", config)).Code);
        var again = await FluxctlAsync("", "store", "init", "--config", config);

        Assert.Equal(1, again.Code);
        Assert.Contains("already", again.Error, StringComparison.Ordinal);
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
                    _daemon!.Kill();
                }
            }
        }
    }

    private async Task StartAsync()
    {
        _daemon?.Dispose();
        _killed = false;
        _daemon = Process.Start(Start("fluxd.dll", ["--try", _folder.FullName, "--set", "http.listen=127.0.0.1:0"]))!;
        var said = new List<string?>();
        _daemon.OutputDataReceived += (_, line) => said.Add(line.Data);
        _daemon.BeginOutputReadLine();
        var error = _daemon.StandardError.ReadToEndAsync();
        for (var tries = 0; tries < 600; tries++)
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(Socket));
                using var client = Client();
                if (await client.GetFromJsonAsync("status", AdminJson.Default.StatusRecord) is { State: "ready" or "degraded" })
                {
                    return;
                }
            }
            catch (SocketException)
            {
            }

            Assert.False(_daemon.HasExited, _daemon.HasExited ? "fluxd ended: " + await error : "");
            await Task.Delay(100);
        }

        Assert.Fail("fluxd did not become ready");
    }

    private HttpClient Client() => new(new SocketsHttpHandler
    {
        ConnectCallback = async (_, ct) =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(Socket), ct);
            return new NetworkStream(socket, ownsSocket: true);
        },
    })
    { BaseAddress = new Uri("http://fluxd/v1/") };

    private async Task<(int Code, string Output, string Error)> FluxctlAsync(string input, params string[] args)
    {
        using var process = Process.Start(Start("fluxctl.dll", args))!;
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output, await error);
    }

    private ProcessStartInfo Start(string program, string[] args)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["FLUXCTL_SOCKET"] = Socket;
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, program));
        foreach (var arg in args)
        {
            start.ArgumentList.Add(arg);
        }

        return start;
    }
}
