using System.Globalization;
using Fluxd.LoadTests.House;
using Fluxd.LoadTests.Reports;
using Fluxd.LoadTests.Runner;

namespace Fluxd.LoadTests.Scenarios;

/// <summary>Many at once. Each has its own account; the user table's rows have the memory that the table gives them.</summary>
internal sealed class CrowdCases(Site site, Scale scale)
{
    private const int SftpShare = 20; // one in so many; each costs this machine a process of its own
    private const int QuicShare = 5;
    private const int KiB = 1 << 10;
    private const int SessionKiBMax = 128; // some 43 are measured where nothing else moves; other people work beside them here
    private const int FoldersEach = 20;
    private readonly Transfers _do = new(site);

    /// <summary>The promise: up to 100 people at once, on one small machine.</summary>
    public LoadCase Hundred()
    {
        const int People = 100;
        var during = scale.Of(4, 60);
        return new LoadCase(new Scenario("100 users at once", "Do a hundred people, each as busy as can be, get what they ask for?", user => ActAsync(user, People))
        {
            WarmUp = TimeSpan.Zero,
            Simulations = [new RampingConstant(People, TimeSpan.FromSeconds(scale.Of(2, 10))), new KeepConstant(People, TimeSpan.FromSeconds(during))],
            Init = ct => site.NeedUsersAsync(People, ct),
        });
    }

    /// <summary>
    /// A row of the user table: so many accounts, each doing something every ten seconds on average. The table's last row is
    /// for more processors than the two that every run of this has, and here the clients work on the same two: a fifth of
    /// its users is what they carry. Its memory stays the table's.
    /// </summary>
    public LoadCase Row(string row, int users, int ceilingMiB) => new(new Scenario(
        $"user table, {row}",
        $"Do {users} accounts, each doing something every ten seconds, fit into {ceilingMiB} MiB?",
        user => ActAsync(user, users))
    {
        WarmUp = TimeSpan.Zero,
        Simulations = [new InjectPerSecond(Math.Min(users / 10.0, scale.Of(60, 200)), TimeSpan.FromSeconds(scale.Of(3, 60)), CopiesMax: 1000)],
        Init = ct => site.NeedUsersAsync(users, ct),
    })
    {
        CeilingMiB = ceilingMiB,
    };

    /// <summary>They cost memory only; and somebody who works beside them doesn't notice.</summary>
    public LoadCase Idle()
    {
        const int First = 8; // of each kind; what the first of all costs is code and pools
        var (quic, sftp) = (scale.Of(120, 300), scale.Of(10, 100));
        long before = 0, after = 0;
        return new LoadCase(scale.Constant("idle sessions", $"What do {quic} QUIC and {sftp} SFTP sessions that do nothing cost, and is somebody who works beside them served?", 1, async user =>
        {
            var content = Transfers.Bytes(user.Random, 100 * KiB);
            await user.StepAsync("PUT beside them", () => _do.PutHttpAsync(user, "/beside", content));
            await user.StepAsync("GET beside them", () => _do.GetHttpAsync(user, "/beside", content));
        }) with
        {
            WarmUp = TimeSpan.Zero,
            Init = async ct =>
            {
                await site.NeedUsersAsync(quic, ct);
                await OpenAsync(0, First, First);
                before = site.Daemon.ResidentBytes;
                await OpenAsync(First, quic, sftp);
                after = site.Daemon.ResidentBytes;

                async Task OpenAsync(int from, int quicTo, int sftpTo)
                {
                    var few = new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = ct };
                    await Parallel.ForAsync(from, quicTo, few, async (i, _) => await site.QuicAsync(i));
                    await Parallel.ForAsync(from, sftpTo, few, async (i, _) => await site.SftpAsync(i));
                }
            },
        })
        {
            Checks = _ =>
            {
                var each = Math.Max(0, after - before) / (quic + sftp - (2 * First)) / KiB;
                return [new CheckReport($"a session costs less than {SessionKiBMax} KiB", $"{each} KiB", each < SessionKiBMax)];
            },
        };
    }

    /// <summary>Every listener hears of every change, while files are written.</summary>
    public LoadCase Feed()
    {
        var count = scale.Of(200, 1000);
        var quic = site.HasQuic ? count * 3 / 10 : 0;
        var http = count - quic;
        var cut = 0;
        Listeners? listeners = null;
        return new LoadCase(scale.Constant("change feed", $"Do {http} listeners by HTTP and {quic} by fluxd/1 hear of each change?", 1, async user =>
        {
            var path = string.Create(CultureInfo.InvariantCulture, $"/fed-{user.User}-{user.Run}");
            var heard = listeners!.Expect(path);
            if (await user.StepAsync("PUT", () => _do.PutHttpAsync(user, path, [1])))
            {
                await Task.WhenAll(
                    HeardAsync(user, $"heard by all {http}, HTTP", heard.Http),
                    quic > 0 ? HeardAsync(user, $"heard by all {quic}, fluxd/1", heard.Quic) : Task.CompletedTask);
            }

            listeners.Forget(path);
        }) with
        {
            WarmUp = TimeSpan.Zero,
            Init = async ct =>
            {
                await site.NeedUsersAsync(1, ct);
                listeners = await Listeners.OpenAsync(site, http, quic, ct);

                // In the long form nothing happens for a while first: longer than any pause after which a connection is taken for dead.
                await Task.Delay(TimeSpan.FromSeconds(scale.Of(0, 100)), ct);
            },
            Clean = async _ =>
            {
                cut = listeners!.Cut;
                await listeners.DisposeAsync();
            },
        })
        {
            CeilingMiB = 1024, // the table's, for as many people as listen here
            Checks = _ => [new CheckReport("no listener is cut off", $"{cut} of {count} were", cut == 0)],
        };

        static Task<bool> HeardAsync(UserContext user, string step, Task heard) => user.StepAsync(step, async () =>
        {
            await heard.WaitAsync(user.Ct);
            return Response.Ok();
        });
    }

    /// <summary>What people do: look, fetch, now and then bring something. Some over QUIC, a few over SFTP.</summary>
    private async Task ActAsync(UserContext user, int people)
    {
        var number = user.User % people;
        var content = ContentOf(number, user.Random.Next(FoldersEach));
        var path = string.Create(CultureInfo.InvariantCulture, $"/mine/{content.Length % FoldersEach}");
        if (number % SftpShare == 0)
        {
            var client = (await site.SftpAsync(number)).Client;
            await user.StepAsync("SFTP: write and read", async () => await _do.PutSftpAsync(client, $"/sftp-of-{user.User}", content) is { IsOk: false } failed
                ? failed
                : await Transfers.GetSftpAsync(client, $"/sftp-of-{user.User}", content));
        }
        else if (number % QuicShare == 1)
        {
            await user.StepAsync("QUIC: write and read", async () =>
            {
                var link = await site.QuicAsync(number);
                return await _do.PutLinkAsync(user, link, path, content) is { IsOk: false } failed ? failed : await _do.GetLinkAsync(user, link, path, content);
            });
        }
        else
        {
            await user.StepAsync("HTTP: write", () => _do.PutHttpAsync(user, path, content));
            await user.StepAsync("HTTP: read", () => _do.GetHttpAsync(user, path, content));
            await user.StepAsync("HTTP: list", async () =>
            {
                using var answer = await site.Http.SendAsync(site.Request(HttpMethod.Get, "v1/files/mine/?list=1", user.User), user.Ct);
                return Transfers.Of(answer, 0);
            });
        }
    }

    /// <summary>1 KiB to 100 KiB, the same each time for the same number.</summary>
    private static byte[] ContentOf(int number, int file) => Transfers.Bytes(new Random((number * 1000) + file), KiB + (number * 997 % 100 * KiB) + file);
}
