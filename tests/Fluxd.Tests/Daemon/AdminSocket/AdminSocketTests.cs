using System.Diagnostics;
using System.Net.Http.Json;
using Fluxd.Core;
using Fluxd.Core.Admin;
using Fluxd.Daemon.AdminSocket;
using Xunit;

namespace Fluxd.Tests.Daemon.AdminSocket;

public sealed class AdminSocketTests
{
    private const int TimeoutMs = 60_000;

    [Fact(Timeout = TimeoutMs)]
    public async Task Its_own_user_gets_in_and_the_mode_keeps_others_out()
    {
        await using var admin = await AdminHouse.MakeAsync();
        var status = await admin.Client.GetFromJsonAsync("status", AdminJson.Default.StatusRecord);

        Assert.Equal("9.9", status!.Version);
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite, File.GetUnixFileMode(admin.Socket));
        Assert.Equal(["unix:" + admin.Socket], admin.Frontend.Endpoints);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_peer_that_may_not_is_refused_in_words_and_noted()
    {
        await using var admin = await AdminHouse.MakeAsync(options => options with { MayEnter = _ => false });
        var problem = await admin.RefusalAsync(HttpMethod.Get, "users", null, 403);
        await admin.House.Identity.FlushAsync(default);

        Assert.Contains("Only root", problem.Detail, StringComparison.Ordinal);
        Assert.Equal("admin.refused", (await admin.House.Accounts.AuditAsync(new Fluxd.Core.Accounts.AuditQuery(), default)).Entries[0].Kind);
    }

    [Theory(Timeout = TimeoutMs)]
    [Trait("Category", "Root")]
    [InlineData("--clear-groups", 403)]
    [InlineData("--groups=1", 200)]
    public async Task Another_user_is_judged_by_the_groups_that_the_kernel_names(string groups, int status)
    {
        // Group 1 exists everywhere under the name "daemon"; the wide mode lets the stranger as far as the check.
        await using var admin = await AdminHouse.MakeAsync(options => options with { Group = "daemon" });
        File.SetUnixFileMode(admin.Folder, (UnixFileMode)0b111_101_101);
        File.SetUnixFileMode(admin.Socket, (UnixFileMode)0b110_110_110);

        Assert.Equal(status, await CurlAsAsync(admin, groups));
    }

    [Fact(Timeout = TimeoutMs)]
    [Trait("Category", "Root")]
    public async Task Another_user_does_not_even_connect_with_the_mode_as_it_is_made()
    {
        await using var admin = await AdminHouse.MakeAsync(options => options with { Group = "daemon" });
        File.SetUnixFileMode(admin.Folder, (UnixFileMode)0b111_101_101);

        Assert.Equal(0, await CurlAsAsync(admin, "--clear-groups"));
        Assert.Equal(200, await CurlAsAsync(admin, "--groups=1"));
    }

    [Theory]
    [InlineData(0u, 1000u, false, true)]
    [InlineData(1000u, 1000u, false, true)]
    [InlineData(1001u, 1000u, false, false)]
    [InlineData(1001u, 1000u, true, true)]
    [InlineData(65_534u, 65_534u, false, false)]
    [InlineData(65_534u, 1000u, true, true)]
    public void An_unmapped_user_counts_by_group_only(uint user, uint daemon, bool member, bool allowed) =>
        Assert.Equal(allowed, new PeerCredentials(1, user, member ? [65_534, 77] : [65_534]).MayAdminister(daemon, 77));

    [Fact(Timeout = TimeoutMs)]
    public async Task A_socket_that_a_killed_daemon_left_is_replaced()
    {
        await using var admin = await AdminHouse.MakeAsync();
        using (var left = new System.Net.Sockets.Socket(System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, 0))
        {
            // A bound name whose listener is gone: what kill -9 leaves. Renamed so that closing can't unlink it.
            left.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint(admin.Socket + ".old"));
            File.Move(admin.Socket + ".old", admin.Socket + ".left");
        }

        await using var next = admin.Make(options => options with { SocketPath = admin.Socket + ".left" });
        await next.StartAsync(default);
        Assert.NotEmpty(next.Endpoints);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_socket_that_answers_is_never_taken_away()
    {
        await using var admin = await AdminHouse.MakeAsync();
        await using var second = admin.Make();
        var fault = await Assert.ThrowsAsync<FluxException>(() => second.StartAsync(default));

        Assert.Contains("Another process answers", fault.Message, StringComparison.Ordinal);
        Assert.NotNull(await admin.Client.GetFromJsonAsync("status", AdminJson.Default.StatusRecord));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_file_in_the_way_a_missing_folder_and_a_path_too_long_are_told_and_touched_by_nobody()
    {
        await using var admin = await AdminHouse.MakeAsync();
        var file = Path.Combine(admin.Folder, "letter.txt");
        await File.WriteAllTextAsync(file, "dear");
        foreach (var (path, words) in new[]
        {
            (file, "is no socket"), (Path.Combine(admin.Folder, "none", "s"), "does not exist"), (Path.Combine(admin.Folder, new string('x', 120)), "longer than"),
        })
        {
            await using var frontend = admin.Make(options => options with { SocketPath = path });
            var fault = await Assert.ThrowsAsync<FluxException>(() => frontend.StartAsync(default));
            Assert.Contains(words, fault.Message, StringComparison.Ordinal);
        }

        Assert.Equal("dear", await File.ReadAllTextAsync(file));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task After_a_stop_the_socket_is_gone()
    {
        await using var admin = await AdminHouse.MakeAsync();
        await admin.Frontend.StopAcceptingAsync(default);
        await admin.Frontend.DrainAsync(default);
        await admin.Frontend.AbortAsync();

        Assert.False(Path.Exists(admin.Socket));
    }

    [Theory(Timeout = TimeoutMs)]
    [InlineData("POST", "users", "{", 400, "invalid")]
    [InlineData("POST", "users", "null", 400, "invalid")]
    [InlineData("POST", "users", "{}", 400, "invalid")]
    [InlineData("POST", "users", "{\"name\":\"a b\"}", 400, "invalid")]
    [InlineData("POST", "users", "{\"name\":\"anna\",\"password\":\"short\"}", 400, "invalid")]
    [InlineData("POST", "users", "{\"name\":\"anna\",\"requires\":[\"smile\"]}", 400, "invalid")]
    [InlineData("POST", "users", "{\"name\":\"anna\",\"quotaBytes\":-1}", 400, "invalid")]
    [InlineData("GET", "users/ghost", null, 404, "not-found")]
    [InlineData("DELETE", "users/ghost", null, 404, "not-found")]
    [InlineData("PUT", "users/ghost/quota", "{}", 404, "not-found")]
    [InlineData("GET", "nowhere", null, 404, "not-found")]
    [InlineData("DELETE", "sessions/none", null, 404, "not-found")]
    [InlineData("GET", "transfers/none", null, 404, "not-found")]
    [InlineData("GET", "audit?count=many", null, 400, "invalid")]
    [InlineData("GET", "audit?kind=*", null, 400, "invalid")]
    public async Task Nonsense_gets_one_plain_sentence_and_changes_nothing(string method, string path, string? json, int status, string code)
    {
        await using var admin = await AdminHouse.MakeAsync();
        var problem = await admin.RefusalAsync(new HttpMethod(method), path, json, status);

        Assert.Equal(code, problem.Code);
        Assert.True(problem.Detail.Length > 10);
        Assert.Empty(admin.House.Accounts.Users);
    }

    [Fact]
    public void Every_error_has_a_status_and_a_code_of_its_own()
    {
        var codes = Enum.GetValues<FluxError>().Select(AdminErrors.CodeOf).ToList();

        Assert.Equal(codes.Count, codes.Distinct().Count());
        Assert.All(Enum.GetValues<FluxError>(), error => Assert.InRange(AdminErrors.StatusOf(error), 400, 599));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Doctor_shows_every_parts_checks_and_one_that_fails_hides_none()
    {
        await using var admin = await AdminHouse.MakeAsync(
            null, new Check("b.good", () => [new CheckRecord("b.good", CheckState.Good, "fine")]), new Check("a.broken", () => throw new InvalidOperationException("oops")));
        var checks = await admin.Client.GetFromJsonAsync("doctor", AdminJson.Default.IReadOnlyListCheckRecord);

        Assert.Equal([("a.broken", CheckState.Bad), ("b.good", CheckState.Good)], checks!.Select(check => (check.Name, check.State)));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task The_first_user_is_made_once()
    {
        await using var admin = await AdminHouse.MakeAsync();
        var first = await FirstUser.EnsureAsync(admin.House.Accounts, "admin", default);

        Assert.Matches("^[a-z2-9]{5}(-[a-z2-9]{5}){3}$", first!.Password);
        Assert.True(admin.House.Accounts.FindUser("admin") is { IsAdmin: true, MustChangePassword: true });
        Assert.Null(await FirstUser.EnsureAsync(admin.House.Accounts, "admin", default));
    }

    private static async Task<int> CurlAsAsync(AdminHouse admin, string groups)
    {
        Assert.Equal("root", Environment.UserName);
        var start = new ProcessStartInfo("setpriv") { RedirectStandardOutput = true };
        foreach (var word in new[]
        {
            "--reuid=54321", "--regid=54321", groups, "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket", admin.Socket, "http://fluxd/v1/status",
        })
        {
            start.ArgumentList.Add(word);
        }

        using var curl = Process.Start(start)!;
        var answer = await curl.StandardOutput.ReadToEndAsync();
        await curl.WaitForExitAsync();
        return int.Parse(answer, System.Globalization.CultureInfo.InvariantCulture);
    }

    private sealed class Check(string name, Func<IReadOnlyList<CheckRecord>> run) : IDoctorCheck
    {
        public string Name => name;

        public ValueTask<IReadOnlyList<CheckRecord>> RunAsync(CancellationToken ct) => new(run());
    }
}
