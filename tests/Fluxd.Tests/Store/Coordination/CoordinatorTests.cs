using System.Net;
using Fluxd.Contracts.Coordination;
using Fluxd.Core.Accounts;
using Fluxd.Core.Coordination;
using Fluxd.Store.Coordination;
using Xunit;

namespace Fluxd.Tests.Store.Coordination;

public sealed class CoordinatorTests : CoordinatorContract
{
    private readonly InMemory _memory = new();

    protected override ICoordinator Create() => new Coordinator(Clock, _memory);

    protected override async Task<ICoordinator> Restart(ICoordinator before)
    {
        var after = new Coordinator(Clock, _memory);
        await after.LoadAsync([Limiters.Passcode], default);
        return after;
    }

    [Fact(Timeout = 60_000)]
    public async Task Memory_stays_bounded_under_a_flood_of_addresses()
    {
        var coordinator = new Coordinator(Clock, _memory);
        for (var i = 0; i < CoordinatorRules.KeysMax + 1000; i++)
        {
            var address = new IPAddress([(byte)(i >> 24), (byte)(i >> 16), (byte)(i >> 8), (byte)i]);
            await coordinator.PunishAsync(new PeerInfo(address, "sftp"), null, Misdeed.GraceExceeded, default);
            await coordinator.TakeAsync(Limiters.Account, address.ToString(), 1, default);
        }

        Assert.InRange(coordinator.KeyCount, 1, CoordinatorRules.KeysMax * 2);
    }

    [Fact(Timeout = 30_000)]
    public async Task A_wall_clock_set_back_gives_no_new_tries()
    {
        var coordinator = Create();
        await coordinator.TakeAsync(Limiters.Passcode, "share:1", 5, default);
        Clock.SetUtcNow(Clock.GetUtcNow() - TimeSpan.FromDays(2));
        Assert.False((await coordinator.TakeAsync(Limiters.Passcode, "share:1", 1, default)).Allowed);
        coordinator = await Restart(coordinator);

        Assert.False((await coordinator.TakeAsync(Limiters.Passcode, "share:1", 1, default)).Allowed);
    }

    private sealed class InMemory : ICoordinatorMemory
    {
        private readonly List<TrustedPair> _pairs = [];
        private readonly List<KeptTake> _takes = [];

        public ValueTask<IReadOnlyList<TrustedPair>> LoadPairsAsync(CancellationToken ct) => new([.. _pairs]);

        public ValueTask<IReadOnlyList<KeptTake>> LoadTakesAsync(CancellationToken ct) => new([.. _takes]);

        public Task KeepAsync(KeptTake take, CancellationToken ct)
        {
            _takes.Add(take);
            return Task.CompletedTask;
        }

        public void Keep(TrustedPair pair) => _pairs.Add(pair);
    }
}
