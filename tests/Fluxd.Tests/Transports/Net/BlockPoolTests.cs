using Fluxd.Transports.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Fluxd.Tests.Transports.Net;

public sealed class BlockPoolTests
{
    [Fact]
    public void A_block_that_was_given_back_serves_the_next()
    {
        using var pool = new BlockPool();
        var first = pool.Rent();
        var memory = first.Memory;
        Assert.Equal(NetLimits.BlockBytes, memory.Length);
        first.Dispose();
        Assert.Equal(1, pool.Spares);
        Assert.Equal(memory, pool.Rent(4096).Memory);
        Assert.Equal(0, pool.Spares);
    }

    [Fact]
    public void A_block_given_back_twice_goes_to_one_only()
    {
        using var pool = new BlockPool();
        var block = pool.Rent();
        block.Dispose();
        block.Dispose();
        Assert.Equal(1, pool.Spares);
        Assert.NotEqual(pool.Rent().Memory, pool.Rent().Memory);
    }

    [Fact]
    public void What_a_burst_took_beyond_the_limit_is_not_kept()
    {
        using var pool = new BlockPool();
        var many = Enumerable.Range(0, NetLimits.SpareBlocksMax + 3).Select(_ => pool.Rent()).ToList();
        many.ForEach(block => block.Dispose());
        Assert.Equal(NetLimits.SpareBlocksMax, pool.Spares);
    }

    [Fact]
    public void More_than_a_block_is_refused_so_that_pipes_take_it_elsewhere()
    {
        using var pool = new BlockPool();
        Assert.Equal(NetLimits.BlockBytes, pool.MaxBufferSize);
        Assert.Throws<ArgumentOutOfRangeException>(() => pool.Rent(NetLimits.BlockBytes + 1));
    }

    [Fact]
    public void A_listener_that_ends_takes_nothing_from_the_others()
    {
        using var pool = new BlockPool();
        pool.Create().Dispose();
        using var block = pool.Rent();
        Assert.Equal(NetLimits.BlockBytes, block.Memory.Length);
    }

    [Fact]
    public async Task A_host_takes_its_listeners_and_its_memory_from_here()
    {
        using var listeners = new QuietListeners();
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        listeners.Serve(builder);
        await using var app = builder.Build();
        Assert.IsType<QuietListeners.Factory>(Assert.Single(app.Services.GetServices<IConnectionListenerFactory>()));
        Assert.IsType<BlockPool>(app.Services.GetRequiredService<IMemoryPoolFactory<byte>>());
    }
}
