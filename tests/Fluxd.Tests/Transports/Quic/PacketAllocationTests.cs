using System.IO.Pipelines;
using Fluxd.Testing.Quic;
using Fluxd.Transports.Quic;
using Fluxd.Transports.Quic.Engine;
using Xunit;

namespace Fluxd.Tests.Transports.Quic;

/// <summary>
/// In the steady state a packet allocates nothing on the loop's thread, neither where it is sent nor where it arrives. Only
/// these two threads are counted: what an application allocates, it allocates on others.
/// </summary>
[Collection("Alone")]
public sealed class PacketAllocationTests
{
    private const int Packets = 20_000;
    private const int Rounds = 40; // the first ones fill the pool; the best counts
    private const double BytesPerPacketMax = 1;

    [QuicFact(Timeout = 120_000)]
    public async Task A_packet_allocates_nothing()
    {
        await using var pair = new QuicPair();
        var (client, server) = await pair.Connect();
        var (mine, theirs) = await QuicPair.OpenStream(client, server);
        var best = double.MaxValue;
        for (var round = 0; round < Rounds && best > BytesPerPacketMax; round++)
        {
            var before = await AllocatedAsync(pair);
            await Task.WhenAll(SendAsync(mine.Output!), ReceiveAsync(theirs.Input!));
            best = Math.Min(best, (await AllocatedAsync(pair) - before) / (double)Packets);
        }

        Assert.True(best <= BytesPerPacketMax, $"{best:0.0} bytes each");
    }

    private static async Task<long> AllocatedAsync(QuicPair pair)
    {
        var sum = 0L;
        foreach (var endpoint in (QuicEndpoint[])[pair.Client, pair.Server])
        {
            var asked = new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously);
            endpoint.Post(() => asked.SetResult(GC.GetAllocatedBytesForCurrentThread()));
            sum += await asked.Task;
        }

        return sum;
    }

    private static async Task SendAsync(PipeWriter output)
    {
        for (var left = Packets * QuicLimits.DatagramBytesMax; left > 0;)
        {
            var count = Math.Min(left, output.GetMemory().Length);
            output.Advance(count);
            await output.FlushAsync();
            left -= count;
        }
    }

    private static async Task ReceiveAsync(PipeReader input)
    {
        for (var left = (long)Packets * QuicLimits.DatagramBytesMax; left > 0;)
        {
            var read = await input.ReadAsync();
            left -= read.Buffer.Length;
            input.AdvanceTo(read.Buffer.End);
            Assert.False(read.IsCompleted);
        }
    }
}
