using Fluxd.Store.Catalog;
using Fluxd.Store.Catalog.Index;
using Fluxd.Store.Catalog.References;
using Fluxd.Store.Files;
using Fluxd.Store.Upkeep.Gc;
using Fluxd.Testing.Disk;
using Fluxd.Tests.Store.Content;
using Xunit;
using Xunit.Abstractions;

namespace Fluxd.Tests.Store.Upkeep;

/// <summary>
/// Clients whose work is cut into steps, and a collector that lets some of those steps happen between any two of its
/// own: one order of events after the other, each the same for the same seed. The clients write the same few pieces
/// over and over, so that what they write was just removed and is about to go.
/// </summary>
public sealed class GcRaceTests(ITestOutputHelper output)
{
    private const int Runs = 20;
    private const int Names = 12;
    private const int Uploads = 20;

    /// <summary>Far from those of real trees, which share the store.</summary>
    private const int FirstNode = 1_000_000;

    private static readonly CancellationToken Ct = CancellationToken.None;

    [Theory(Timeout = 240_000)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(0)]
    public async Task Whatever_clients_do_between_its_steps_nothing_is_lost(int seed)
    {
        seed = seed == 0 ? Environment.TickCount : seed;
        output.WriteLine($"seed {seed}");
        await using var store = TestStore.Create(new ModelDisk());
        var random = new Random(seed);
        var leases = await LeaseRace.OpenAsync(store, random);
        var race = new Race(store, leases, random);
        var moments = 0;
        var (contents, unlinked, moved, folded) = (0L, 0L, 0L, 0L);
        // How many moments a run has depends on how much there is to collect: some seeds need more of them.
        for (var run = 0; run < Runs || ((moments <= 700 || leases.Finished <= Uploads) && run < 10 * Runs); run++)
        {
            var parts = new GcParts(
                store.Catalog, store.Packs, TimeProvider.System, () => (store.Catalog.AppliedGroup, store.Catalog.AppliedGroup), _ => Task.CompletedTask, _ => { }, TestStore.PackBytes);
            var collector = new GarbageCollector(parts, new GcRequest { Hurry = true, MoveBytesPerSecond = 0, TicketWait = TimeSpan.Zero })
            {
                Seam = async _ =>
                {
                    moments++;
                    await race.StepsAsync();
                },
            };
            var report = await collector.RunAsync(Ct);
            (contents, unlinked) = (contents + report.ContentsRemoved, unlinked + report.PacksUnlinked);
            (moved, folded) = (moved + report.BytesMoved, folded + report.BytesFolded);
            await race.CheckAsync($"seed {seed}, run {run}");
        }

        await race.EndAsync();
        output.WriteLine($"{moments} moments, {race.Steps} steps; {contents} contents and {unlinked} packs went, {moved} bytes were moved, {folded} folded; {leases.Finished} uploads with promises");
        Assert.True(leases.Finished > Uploads, $"{leases.Finished} uploads");
        Assert.True(moments > 700 && race.Steps > 700, $"{moments} moments, {race.Steps} steps");
        Assert.True(contents > 30 && unlinked > 10 && moved > 0 && folded > 0, $"{contents} contents, {unlinked} packs, {moved} bytes moved, {folded} folded");
        Assert.Null(store.Catalog.Fault);
    }

    /// <summary>The clients: each a list of steps that are still to come.</summary>
    private sealed class Race(TestStore store, LeaseRace leases, Random random)
    {
        private readonly byte[][] _pieces = [.. Enumerable.Range(0, 6).Select(i => Noise(i, 300_000 + (i * 20_000)))];
        private readonly Dictionary<int, byte[]> _files = [];
        private readonly List<Queue<Func<Task>>> _clients = [];

        public int Steps { get; private set; }

        public async Task StepsAsync()
        {
            for (var i = random.Next(3); i > 0; i--)
            {
                if (_clients.Count < 5 && random.Next(2) == 0)
                {
                    _clients.Add(NewClient());
                }

                await StepAsync();
            }
        }

        public async Task CheckAsync(string where)
        {
            foreach (var (name, bytes) in _files)
            {
                var content = await store.Catalog.ReadAsync(db => ContentOf(db, name), Ct);
                Assert.True(content is not null && Same(bytes, await store.ReadAll(content.Id, content.Size)), $"{where}: file {name}");
            }

            await leases.CheckAsync(where);
        }

        public async Task EndAsync()
        {
            while (_clients.Count > 0)
            {
                await StepAsync();
            }

            await CheckAsync("the end");
        }

        private async Task StepAsync()
        {
            Steps++;
            if (_clients.Count == 0)
            {
                return;
            }

            var client = _clients[random.Next(_clients.Count)];
            await client.Dequeue()();
            if (client.Count == 0)
            {
                _clients.Remove(client);
            }
        }

        private Queue<Func<Task>> NewClient()
        {
            var (name, other) = (random.Next(Names), random.Next(Names));
            return new Queue<Func<Task>>(random.Next(9) switch
            {
                0 or 1 => Write(name),
                2 => WriteSlowly(name),
                3 => Copy(name, other),
                4 => Splice(name, other),
                5 => Read(name),
                6 or 7 => leases.Upload(RandomBytes()),
                _ => [() => RemoveAsync(name)],
            });
        }

        /// <summary>Each writes its own copy of what the others have: to be folded.</summary>
        private ChunkScope Owner()
        {
            var owner = random.Next(1, 4);
            return new ChunkScope(owner, owner);
        }

        private byte[] RandomBytes() => [.. Enumerable.Range(0, random.Next(1, 4)).SelectMany(_ => _pieces[random.Next(_pieces.Length)])];

        /// <summary>Bytes first, the name later: what is written in between is in no row but its own.</summary>
        private IEnumerable<Func<Task>> Write(int name)
        {
            var bytes = RandomBytes();
            var sink = store.Contents.Begin(Owner());
            yield return () => sink.WriteAsync(bytes, Ct).AsTask();
            yield return () => PublishAsync(sink, name, bytes);
        }

        private IEnumerable<Func<Task>> WriteSlowly(int name)
        {
            var (first, second) = (RandomBytes(), RandomBytes());
            var sink = store.Contents.Begin(Owner());
            yield return () => sink.WriteAsync(first, Ct).AsTask();
            yield return () => sink.FlushAsync((_, content, _) => content, Ct);
            yield return () => sink.WriteAsync(second, Ct).AsTask();
            yield return () => sink.FlushAsync((_, content, _) => content, Ct);
            yield return async () =>
            {
                var back = new byte[first.Length];
                Assert.Equal(back.Length, await sink.ReadAsync(0, back, Ct));
                Assert.True(first.AsSpan().SequenceEqual(back), "an upload's own bytes");
            };
            yield return () => PublishAsync(sink, name, [.. first, .. second]);
        }

        private IEnumerable<Func<Task>> Copy(int from, int to)
        {
            yield return () => store.Catalog.WriteAsync(
                db =>
                {
                    if (ContentOf(db, from) is { } content)
                    {
                        Publish(db, to, content.Id);
                        var bytes = _files[from];
                        db.AfterCommit(() => _files[to] = bytes);
                    }
                },
                Ct);
        }

        /// <summary>A draft over a file: looks, holds, keeps what lies below while its name goes, then shares its chunks.</summary>
        private IEnumerable<Func<Task>> Splice(int from, int to)
        {
            Opened? below = null;
            foreach (var step in Open(from, opened => below = opened))
            {
                yield return step;
            }

            IContentSink? sink = null;
            var end = RandomBytes();
            yield return async () =>
            {
                if (below is not null)
                {
                    sink = store.Contents.Begin(Owner());
                    await sink.AppendAsync(below.Content.Id, 0, below.Content.Size, Ct);
                }
            };
            yield return () =>
            {
                below?.Ticket.Dispose();
                return sink is null ? Task.CompletedTask : sink.WriteAsync(end, Ct).AsTask();
            };
            yield return () => sink is null ? Task.CompletedTask : PublishAsync(sink, to, [.. below!.Bytes, .. end]);
        }

        private IEnumerable<Func<Task>> Read(int name)
        {
            Opened? opened = null;
            foreach (var step in Open(name, found => opened = found))
            {
                yield return step;
            }

            for (var i = 0; i < 3; i++)
            {
                yield return async () =>
                {
                    if (opened is not null)
                    {
                        Assert.True(Same(opened.Bytes, await store.ReadAll(opened.Content.Id, opened.Content.Size)), $"file {name} while it is open");
                    }
                };
            }

            yield return () =>
            {
                opened?.Ticket.Dispose();
                return Task.CompletedTask;
            };
        }

        /// <summary>As a handle is opened: a wide ticket, a look, and only later a hold by name.</summary>
        private IEnumerable<Func<Task>> Open(int name, Action<Opened> found)
        {
            Opened? opened = null;
            yield return async () =>
            {
                var ticket = store.Contents.Holds.TakeWide();
                if (await store.Catalog.ReadAsync(db => ContentOf(db, name), Ct) is { } content)
                {
                    opened = new Opened(content, _files[name], ticket);
                }
                else
                {
                    ticket.Dispose();
                }
            };
            yield return () =>
            {
                if (opened is not null)
                {
                    opened.Ticket.Keep(opened.Content.Id);
                    opened.Ticket.Narrow();
                    found(opened);
                }

                return Task.CompletedTask;
            };
        }

        private Task RemoveAsync(int name) => store.Catalog.WriteAsync(
            db =>
            {
                Remove(db, name);
                db.AfterCommit(() => _files.Remove(name));
            },
            Ct);

        private Task PublishAsync(IContentSink sink, int name, byte[] bytes) => sink.SealAsync(
            (db, content) =>
            {
                Publish(db, name, content.Id);
                db.AfterCommit(() => _files[name] = bytes);
                return true;
            },
            Ct);

        private static void Publish(CatalogTransaction db, int name, long content)
        {
            Remove(db, name);
            db.KeepContent(content);
            using var insert = db.Sql("INSERT INTO version(id, node, content, size, mtime, created, author) VALUES (?1, ?2, ?3, 0, 0, 0, 0)")
                .Bind(db.NextId("version")).Bind(FirstNode + name).Bind(content);
            insert.Run();
        }

        private static void Remove(CatalogTransaction db, int name)
        {
            using var remove = db.Sql("DELETE FROM version WHERE node = ?1").Bind(FirstNode + name);
            remove.Run();
        }

        private static ContentRef? ContentOf(CatalogReader db, int name)
        {
            using var row = db.Sql("SELECT content.id, content.size FROM version JOIN content ON content.id = version.content WHERE version.node = ?1").Bind(FirstNode + name);
            return row.Step() ? new ContentRef(row.Long(0), row.Long(1), []) : null;
        }

        private static bool Same(byte[] a, byte[] b) => a.AsSpan().SequenceEqual(b);

        private static byte[] Noise(int seed, int length)
        {
            var bytes = new byte[length];
            new Random(seed).NextBytes(bytes);
            return bytes;
        }

        private sealed record Opened(ContentRef Content, byte[] Bytes, Ticket Ticket);
    }
}
