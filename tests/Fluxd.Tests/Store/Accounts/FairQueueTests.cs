using Fluxd.Core;
using Fluxd.Store.Accounts;
using Xunit;

namespace Fluxd.Tests.Store.Accounts;

public sealed class FairQueueTests
{
    [Fact(Timeout = 30_000)]
    public async Task A_flood_from_one_source_delays_another_by_one_turn_only()
    {
        var queue = new FairQueue(1, 100, 1000);
        var order = new List<string>();
        using var gate = new SemaphoreSlim(0);
        var first = queue.RunAsync("flood", () => Hold(gate, order, "flood"), default);
        var flood = Enumerable.Range(0, 20).Select(_ => queue.RunAsync("flood", () => Hold(gate, order, "flood"), default)).ToList();
        var guest = queue.RunAsync("guest", () => Hold(gate, order, "guest"), default);
        gate.Release(22);
        await Task.WhenAll([first, guest, .. flood]);

        Assert.InRange(order.IndexOf("guest"), 1, 2);
    }

    [Fact(Timeout = 30_000)]
    public async Task A_source_that_queues_too_much_is_told_to_come_back()
    {
        var queue = new FairQueue(1, 2, 1000);
        using var gate = new SemaphoreSlim(0);
        var running = Enumerable.Range(0, 3).Select(_ => queue.RunAsync("a", () => Hold(gate, [], "a"), default)).ToList();

        var refused = await Assert.ThrowsAsync<FluxException>(() => queue.RunAsync("a", () => 0, default));
        Assert.Equal(FluxError.Busy, refused.Error);
        gate.Release(3);
        await Task.WhenAll(running);
    }

    [Fact(Timeout = 30_000)]
    public async Task A_full_queue_remembers_nothing_of_those_it_refuses()
    {
        var queue = new FairQueue(1, 2, 1);
        using var gate = new SemaphoreSlim(0);
        var running = new[] { queue.RunAsync("a", () => Hold(gate, [], "a"), default), queue.RunAsync("a", () => Hold(gate, [], "a"), default) };
        for (var i = 0; i < 100; i++)
        {
            await Assert.ThrowsAsync<FluxException>(() => queue.RunAsync("stranger " + i, () => 0, default));
        }

        Assert.Equal(1, queue.SourceCount);
        gate.Release(2);
        await Task.WhenAll(running);
        Assert.Equal(0, queue.SourceCount);
    }

    [Fact(Timeout = 30_000)]
    public async Task A_cancelled_waiter_loses_its_place_and_harms_nobody()
    {
        var queue = new FairQueue(1, 10, 10);
        using var gate = new SemaphoreSlim(0);
        using var cancel = new CancellationTokenSource();
        var running = queue.RunAsync("a", () => Hold(gate, [], "a"), default);
        var leaving = queue.RunAsync("b", () => 0, cancel.Token);
        var staying = queue.RunAsync("b", () => 7, default);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leaving);
        gate.Release();

        await running;
        Assert.Equal(7, await staying);
        Assert.Equal(8, await queue.RunAsync("c", () => 8, default));
    }

    [Fact(Timeout = 30_000)]
    public async Task Work_that_throws_gives_its_slot_back()
    {
        var queue = new FairQueue(1, 10, 10);
        await Assert.ThrowsAsync<InvalidOperationException>(() => queue.RunAsync<int>("a", () => throw new InvalidOperationException(), default));

        Assert.Equal(1, await queue.RunAsync("a", () => 1, default));
    }

    private static int Hold(SemaphoreSlim gate, List<string> order, string name)
    {
        Assert.True(gate.Wait(TimeSpan.FromSeconds(20)));
        lock (order)
        {
            order.Add(name);
        }

        return 0;
    }
}
