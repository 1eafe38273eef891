using System.Net;
using Fluxd.Core.Accounts;
using Fluxd.Core.Coordination;
using Fluxd.Testing;
using Xunit;

namespace Fluxd.Contracts.Coordination;

/// <summary>What every <see cref="ICoordinator"/> promises, for one process or for many.</summary>
public abstract class CoordinatorContract
{
    private static readonly Limiter FivePerMinute = new("test", 5, TimeSpan.FromMinutes(1));

    private static readonly PeerInfo Office = new(IPAddress.Parse("203.0.113.7"), "sftp");
    private static readonly PeerInfo Stranger = new(IPAddress.Parse("198.51.100.4"), "http");

    protected ManualTime Clock { get; } = new();

    protected abstract ICoordinator Create();

    /// <summary>The same coordinator after a restart.</summary>
    protected abstract Task<ICoordinator> Restart(ICoordinator before);

    [Fact(Timeout = 30_000)]
    public async Task A_limiter_lets_its_count_through_and_no_more()
    {
        var coordinator = Create();
        for (var i = 0; i < 5; i++)
        {
            var decision = await coordinator.TakeAsync(FivePerMinute, "k", 1, default);
            Assert.True(decision.Allowed);
            Assert.Equal(4 - i, decision.Remaining);
        }

        var refused = await coordinator.TakeAsync(FivePerMinute, "k", 1, default);
        Assert.False(refused.Allowed);
        Assert.Equal(5, refused.Limit);
        Assert.True(refused.RetryAfter > TimeSpan.Zero);
    }

    [Fact(Timeout = 30_000)]
    public async Task Waiting_as_long_as_it_says_is_enough()
    {
        var coordinator = Create();
        await coordinator.TakeAsync(FivePerMinute, "k", 3, default);
        Clock.Advance(TimeSpan.FromSeconds(20));
        await coordinator.TakeAsync(FivePerMinute, "k", 2, default);
        var refused = await coordinator.TakeAsync(FivePerMinute, "k", 1, default);
        Clock.Advance(refused.RetryAfter);

        Assert.True((await coordinator.TakeAsync(FivePerMinute, "k", 1, default)).Allowed);
    }

    [Fact(Timeout = 30_000)]
    public async Task Other_keys_and_other_limiters_count_for_themselves()
    {
        var coordinator = Create();
        await coordinator.TakeAsync(FivePerMinute, "k", 5, default);

        Assert.True((await coordinator.TakeAsync(FivePerMinute, "other", 5, default)).Allowed);
        Assert.True((await coordinator.TakeAsync(FivePerMinute with { Name = "other" }, "k", 5, default)).Allowed);
    }

    [Fact(Timeout = 30_000)]
    public async Task A_refusal_takes_nothing()
    {
        var coordinator = Create();
        await coordinator.TakeAsync(FivePerMinute, "k", 4, default);
        Assert.False((await coordinator.TakeAsync(FivePerMinute, "k", 2, default)).Allowed);

        Assert.True((await coordinator.TakeAsync(FivePerMinute, "k", 1, default)).Allowed);
    }

    [Fact(Timeout = 30_000)]
    public async Task No_window_of_any_position_ever_holds_more_than_the_limit()
    {
        var seed = Random.Shared.Next();
        var random = new Random(seed);
        var coordinator = Create();
        var taken = new List<DateTimeOffset>();
        for (var i = 0; i < 2000; i++)
        {
            Clock.Advance(TimeSpan.FromMilliseconds(random.Next(0, 15_000)));
            if ((await coordinator.TakeAsync(FivePerMinute, "k", 1, default)).Allowed)
            {
                taken.Add(Clock.GetUtcNow());
            }
        }

        for (var i = 5; i < taken.Count; i++)
        {
            Assert.True(taken[i] - taken[i - 5] >= FivePerMinute.Window, $"six within the window at {i}, seed {seed}");
        }

        Assert.True(taken.Count > 100, $"only {taken.Count} were let through, seed {seed}");
    }

    [Fact(Timeout = 30_000)]
    public async Task A_few_failures_cost_nothing_and_more_cost_a_wait()
    {
        var coordinator = Create();
        await Punish(coordinator, Stranger, "anna", 2);
        Assert.Null(await coordinator.PenaltyAsync(Stranger, "anna", default));
        await Punish(coordinator, Stranger, "anna", 1);

        var wait = await coordinator.PenaltyAsync(Stranger, "anna", default);
        Assert.NotNull(wait);
        Clock.Advance(wait.Value);
        Assert.Null(await coordinator.PenaltyAsync(Stranger, "anna", default));
    }

    [Fact(Timeout = 30_000)]
    public async Task An_address_that_tries_many_accounts_waits_for_all_of_them()
    {
        var coordinator = Create();
        foreach (var name in new[] { "anna", "bert", "carl", "dora" })
        {
            await Punish(coordinator, Stranger, name, 1);
        }

        Assert.NotNull(await coordinator.PenaltyAsync(Stranger, "emil", default));
        Assert.NotNull(await coordinator.PenaltyAsync(Stranger, null, default));
        Assert.Null(await coordinator.PenaltyAsync(Office, "emil", default));
    }

    [Fact(Timeout = 30_000)]
    public async Task An_account_that_is_guessed_from_many_addresses_rests_for_strangers()
    {
        var coordinator = Create();
        for (var i = 1; i <= 20; i++)
        {
            await Punish(coordinator, new PeerInfo(IPAddress.Parse($"192.0.2.{i}"), "sftp"), "anna", 1);
        }

        Assert.NotNull(await coordinator.PenaltyAsync(Stranger, "anna", default));
        Assert.Null(await coordinator.PenaltyAsync(Stranger, "bert", default));
    }

    [Fact(Timeout = 30_000)]
    public async Task A_pair_that_succeeded_is_spared_the_failures_of_others()
    {
        var coordinator = Create();
        await coordinator.PardonAsync(Office, "anna", default);
        await Punish(coordinator, Office, "bert", 10);
        await Punish(coordinator, Stranger, "anna", 50);

        Assert.Null(await coordinator.PenaltyAsync(Office, "anna", default));
        Assert.Null(await coordinator.PenaltyAsync(Office, null, default));
        Assert.NotNull(await coordinator.PenaltyAsync(Office, "bert", default));
        Assert.NotNull(await coordinator.PenaltyAsync(Stranger, "anna", default));
    }

    [Fact(Timeout = 30_000)]
    public async Task A_pair_that_succeeded_still_pays_for_its_own_failures()
    {
        var coordinator = Create();
        await coordinator.PardonAsync(Office, "anna", default);
        await Punish(coordinator, Office, "anna", 4);

        Assert.NotNull(await coordinator.PenaltyAsync(Office, "anna", default));
    }

    [Fact(Timeout = 30_000)]
    public async Task A_success_is_forgotten_after_thirty_days()
    {
        var coordinator = Create();
        await coordinator.PardonAsync(Office, "anna", default);
        Clock.Advance(TimeSpan.FromDays(31));
        await Punish(coordinator, Office, "bert", 10);

        Assert.NotNull(await coordinator.PenaltyAsync(Office, "anna", default));
    }

    [Fact(Timeout = 30_000)]
    public async Task One_success_does_not_buy_guesses_at_other_accounts()
    {
        var coordinator = Create();
        await Punish(coordinator, Stranger, "anna", 4);
        await coordinator.PardonAsync(Stranger, "mallory", default);

        Assert.NotNull(await coordinator.PenaltyAsync(Stranger, "anna", default));
        Assert.NotNull(await coordinator.PenaltyAsync(Stranger, "bert", default));
    }

    [Fact(Timeout = 30_000)]
    public async Task Loopback_is_exempt_unless_it_was_forwarded()
    {
        var coordinator = Create();
        var direct = new PeerInfo(IPAddress.IPv6Loopback, "http");
        var mapped = new PeerInfo(IPAddress.Parse("::ffff:127.0.0.1"), "http");
        var forwarded = new PeerInfo(IPAddress.Loopback, "http", IsForwarded: true);
        foreach (var peer in new[] { direct, mapped, forwarded })
        {
            await Punish(coordinator, peer, "anna", 20);
        }

        Assert.Null(await coordinator.PenaltyAsync(direct, "anna", default));
        Assert.Null(await coordinator.PenaltyAsync(mapped, "anna", default));
        Assert.NotNull(await coordinator.PenaltyAsync(forwarded, "anna", default));
    }

    [Fact(Timeout = 30_000)]
    public async Task One_IPv6_customer_is_one_network()
    {
        var coordinator = Create();
        for (var i = 1; i <= 4; i++)
        {
            await Punish(coordinator, new PeerInfo(IPAddress.Parse($"2001:db8:1:2::{i}"), "sftp"), "anna", 1);
        }

        Assert.NotNull(await coordinator.PenaltyAsync(new PeerInfo(IPAddress.Parse("2001:db8:1:2:ffff::9"), "sftp"), "bert", default));
        Assert.Null(await coordinator.PenaltyAsync(new PeerInfo(IPAddress.Parse("2001:db8:1:3::1"), "sftp"), "bert", default));
    }

    [Fact(Timeout = 30_000)]
    public async Task No_penalty_grows_beyond_ten_minutes()
    {
        var coordinator = Create();
        await Punish(coordinator, Stranger, "anna", 10_000);

        Assert.InRange((await coordinator.PenaltyAsync(Stranger, "anna", default))!.Value, TimeSpan.FromMinutes(9), TimeSpan.FromMinutes(10));
    }

    [Fact(Timeout = 30_000)]
    public async Task Tries_at_a_passcode_survive_a_restart()
    {
        var coordinator = Create();
        await coordinator.TakeAsync(Limiters.Passcode, "share:1", 4, default);
        coordinator = await Restart(coordinator);

        Assert.True((await coordinator.TakeAsync(Limiters.Passcode, "share:1", 1, default)).Allowed);
        Assert.False((await coordinator.TakeAsync(Limiters.Passcode, "share:1", 1, default)).Allowed);
        Clock.Advance(TimeSpan.FromMinutes(6));
        Assert.True((await coordinator.TakeAsync(Limiters.Passcode, "share:1", 1, default)).Allowed);
    }

    [Fact(Timeout = 30_000)]
    public async Task Pairs_that_succeeded_survive_a_restart()
    {
        var coordinator = Create();
        await coordinator.PardonAsync(Office, "anna", default);
        coordinator = await Restart(coordinator);
        await Punish(coordinator, Office, "bert", 10);

        Assert.Null(await coordinator.PenaltyAsync(Office, "anna", default));
    }

    private static async Task Punish(ICoordinator coordinator, PeerInfo peer, string account, int times)
    {
        for (var i = 0; i < times; i++)
        {
            await coordinator.PunishAsync(peer, account, Misdeed.AuthenticationFailed, default);
        }
    }
}
