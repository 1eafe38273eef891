using System.Text;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Store.Files;
using Fluxd.Store.Upkeep;

namespace Fluxd.Bench;

/// <summary>
/// A few clients that change files until the process is killed, while the past expires at once and garbage is collected
/// all the time; in some lives one of them begins with an upload that gets a lane of its own. They say on the standard
/// output what they ask for and what they were answered, a line each: whoever reads that has the ledger to hold the store
/// to afterwards.
/// <c>ask C put NAME SEED LENGTH</c>, <c>ask C remove NAME</c>, <c>ask C move FROM TO</c>, <c>ask C complete NAME SEED LENGTH</c>;
/// <c>ack C</c> answers the client's last ask; <c>part ID NAME SEED LENGTH DURABLE</c> is an upload told durable so far.
/// </summary>
internal sealed class LiveClients(OpenStore store, Stream ledger)
{
    private const int Clients = 4;
    private const int Names = 12;

    /// <summary>One life in so many has a big upload: each is read back after every later kill.</summary>
    private const int BigEvery = 3;

    private const int BigBytes = 24 << 20;

    private static readonly RetentionPolicy s_nothingIsKept = new() { Keep = TimeSpan.Zero };

    private readonly Lock _lock = new();

    internal static async Task RunAsync(string folder, int seed)
    {
        await using var store = await OpenStore.OpenAsync(folder, policy: s_nothingIsKept);
        await using var ledger = Console.OpenStandardOutput();
        var clients = new LiveClients(store, ledger);
        var ends = Task.Run(() => Console.In.ReadToEnd()); // whoever reads the ledger is gone
        var lives = Enumerable.Range(0, Clients).Select(client => clients.LiveAsync(client, new Random((seed * Clients) + client), beginsBig: client == 0 && HasBig(seed)));
        await await Task.WhenAny([.. lives, clients.KeepHouseAsync(), ends]);
    }

    /// <summary>As the daemon's timetables do, and never at rest.</summary>
    private async Task KeepHouseAsync()
    {
        using var upkeep = new StoreUpkeep(store.Store);
        while (true)
        {
            await store.Trees.Keeper.RunAsync(CancellationToken.None);
            await upkeep.CollectAsync(dryRun: false, bytesPerSecond: 0, CancellationToken.None);
        }
    }

    internal static bool HasBig(int seed) => seed % BigEvery == 0;

    internal static bool IsBig(string name) => name.EndsWith("-big", StringComparison.Ordinal);

    internal static byte[] Bytes(int seed, int length)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private async Task LiveAsync(int client, Random random, bool beginsBig)
    {
        var mine = (await store.Trees.Files.ListAsync(OpenStore.Who, FilePath.Root, new ListRequest(), CancellationToken.None)).Entries
            .Select(node => node.Name.ToString()).Where(name => name.StartsWith($"c{client}-", StringComparison.Ordinal)).ToHashSet();
        if (beginsBig)
        {
            await UploadAsync(client, $"c{client}-big", random.Next(), BigBytes);
            Say($"ack {client}");
        }

        while (true)
        {
            await StepAsync(client, mine, random);
        }
    }

    private async Task StepAsync(int client, HashSet<string> mine, Random random)
    {
        var name = $"c{client}-{random.Next(Names)}";
        var (seed, length) = (random.Next(), random.Next(20) == 0 ? random.Next(2_000_000) : random.Next(40_000));
        switch (random.Next(10))
        {
            case 0 or 1 when mine.Contains(name):
                Say($"ask {client} remove {name}");
                await store.Trees.Files.RemoveFileAsync(OpenStore.Who, P(name), Precondition.None, CancellationToken.None);
                mine.Remove(name);
                break;
            case 2 or 3 when mine.Contains(name) && $"c{client}-{random.Next(Names)}" is var other && other != name:
                Say($"ask {client} move {name} {other}");
                await store.Trees.Files.RenameAsync(OpenStore.Who, P(name), P(other), replace: true, CancellationToken.None);
                mine.Remove(name);
                mine.Add(other);
                break;
            case 4:
                await UploadAsync(client, name, seed, length);
                mine.Add(name);
                break;
            default:
                Say($"ask {client} put {name} {seed} {length}");
                await PutAsync(name, Bytes(seed, length));
                mine.Add(name);
                break;
        }

        Say($"ack {client}");
    }

    private async Task PutAsync(string name, byte[] bytes)
    {
        var request = new OpenRequest { Access = OpenAccess.Write, Create = true, Truncate = true };
        await using var file = await store.Trees.Files.OpenAsync(OpenStore.Who, P(name), request, CancellationToken.None);
        for (var at = 0; at < bytes.Length; at += 32 << 10)
        {
            await file.WriteAsync(at, bytes.AsMemory(at, Math.Min(32 << 10, bytes.Length - at)), CancellationToken.None);
        }

        await file.CloseAsync(CancellationToken.None);
    }

    private async Task UploadAsync(int client, string name, int seed, int length)
    {
        var bytes = Bytes(seed, length);
        var created = await store.Trees.Uploads.CreateAsync(OpenStore.Who, new UploadRequest { Target = P(name), Size = length }, CancellationToken.None);
        await using (var writer = await store.Trees.Uploads.OpenAsync(OpenStore.Who, created.Id, CancellationToken.None))
        {
            foreach (var end in new[] { length / 3, length / 2, length / 4 * 3, length })
            {
                await writer.WriteAsync(bytes.AsMemory((int)writer.Offset, end - (int)writer.Offset), CancellationToken.None);
                Say($"part {created.Id} {name} {seed} {length} {await writer.FlushAsync(CancellationToken.None)}");
            }
        }

        Say($"ask {client} complete {name} {seed} {length}");
        await store.Trees.Uploads.CompleteAsync(OpenStore.Who, created.Id, CancellationToken.None);
    }

    /// <summary>One write for one line: a pipe takes so little whole or not at all.</summary>
    private void Say(string line)
    {
        lock (_lock)
        {
            ledger.Write(Encoding.ASCII.GetBytes(line + "\n"));
            ledger.Flush();
        }
    }

    private static FilePath P(string name) => FilePath.Parse("/" + name);
}
