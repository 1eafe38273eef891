using Fluxd.Core.Accounts;
using Fluxd.Core.Chunking;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Store.Files;
using Fluxd.Store.Uploads;
using Fluxd.Testing;
using Fluxd.Tests.Store.Content;
using Fluxd.Tests.Store.Uploads;
using Xunit;

namespace Fluxd.Tests.Store.Upkeep;

/// <summary>
/// Clients of <see cref="GcRaceTests"/> that don't send what they were promised: the file whose pieces they lean on is
/// removed and forgotten before or after the promise, and nothing but the promise keeps its bytes.
/// </summary>
internal sealed class LeaseRace
{
    private const int Names = 6;

    private static readonly CancellationToken s_ct = CancellationToken.None;
    private static readonly Principal s_who = People.Anna;

    private readonly TestStore _store;
    private readonly TreeServices _trees;
    private readonly Random _random;
    private readonly Dictionary<FilePath, byte[]> _files = [];
    private int _number;

    private LeaseRace(TestStore store, TreeServices trees, Random random) => (_store, _trees, _random) = (store, trees, random);

    /// <summary>Uploads that were finished with pieces of files that were gone by then.</summary>
    public int Finished { get; private set; }

    public static async Task<LeaseRace> OpenAsync(TestStore store, Random random)
    {
        var accounts = new AccountView(id => new UserInfo { Id = id, Name = s_who.UserName, State = UserState.Active }, _ => []);
        var parts = new TreeParts(store.Catalog, store.Contents, store.Disk, accounts, TimeProvider.System, () => new RetentionPolicy(), () => true);
        return new LeaseRace(store, await TreeServices.OpenAsync(parts, s_ct), random);
    }

    public async Task CheckAsync(string where)
    {
        foreach (var (path, bytes) in _files)
        {
            var found = await ReadAsync(path, bytes.Length);
            Assert.True(bytes.AsSpan().SequenceEqual(found), $"{where}: {path}");
        }
    }

    /// <summary>The steps of one upload over a file with these bytes.</summary>
    public IEnumerable<Func<Task>> Upload(byte[] bytes)
    {
        var number = _number++;
        var (below, target) = (FilePath.Parse($"/below-{number}"), FilePath.Parse($"/up-{_random.Next(Names)}"));
        byte[] whole = [.. bytes, (byte)number];
        var pieces = DeltaSteps.Cut(whole);
        var (half, isKnownFirst, isLast) = (pieces.Count / 2, _random.Next(2) == 0, _random.Next(4) == 0);
        UploadId id = default;
        var promised = 0;
        yield return () => PutAsync(below, bytes);
        yield return async () => id = (await _trees.Uploads.CreateAsync(s_who, new UploadRequest { Target = target, Size = whole.Length }, s_ct)).Id;
        if (isKnownFirst)
        {
            yield return async () => promised = (await DeltaSteps.AskAndPutAsync(_trees, s_who, id, whole, pieces)).Count(yes => yes);
        }

        yield return () => _trees.Files.RemoveFileAsync(s_who, below, Precondition.None, s_ct);
        yield return () => PastEraser.RunAsync(_store.Catalog);
        foreach (var step in isKnownFirst ? [] : LookAndTake(() => id, pieces, count => promised = count))
        {
            yield return step;
        }

        yield return () => DeltaSteps.AskAndPutAsync(_trees, s_who, id, whole, pieces);
        if (half > 0)
        {
            yield return () => DeltaSteps.AppendAsync(_trees, s_who, id, pieces[..half]);
        }

        yield return () => DeltaSteps.AppendAsync(_trees, s_who, id, pieces[half..]);
        yield return async () =>
        {
            await _trees.Uploads.CompleteAsync(s_who, id, s_ct);
            _files[target] = whole;
            Finished += promised > 0 ? 1 : 0;
        };
        if (isLast)
        {
            yield return () => RemoveAsync(target);
        }
    }

    /// <summary>As the answer to a question is made, and as long apart as it gets: what was seen is promised only where it is still there.</summary>
    private IEnumerable<Func<Task>> LookAndTake(Func<UploadId> id, List<(ChunkRef Step, int At)> pieces, Action<int> taken)
    {
        var leases = new Leases(_store.Catalog);
        var found = new Dictionary<ChunkHash, long>();
        yield return async () =>
        {
            var root = await _store.Catalog.ReadAsync(db => db.Scalar("SELECT min(node) FROM tree WHERE kind = 0") ?? 0, s_ct);
            found = await leases.OfTreesAsync([root], [.. pieces.Select(piece => piece.Step.Hash)], s_ct);
        };
        yield return async () =>
        {
            var kept = await leases.TakeAsync(id(), found.Values, s_ct);
            taken(kept.Count);
        };
    }

    private async Task PutAsync(FilePath path, byte[] bytes)
    {
        await using var file = await _trees.Files.OpenAsync(s_who, path, new OpenRequest { Access = OpenAccess.Write, Create = true, Truncate = true }, s_ct);
        await file.WriteAsync(0, bytes, s_ct);
        await file.CloseAsync(s_ct);
    }

    private async Task RemoveAsync(FilePath path)
    {
        // Another upload to the same name may have done it.
        if (_files.Remove(path))
        {
            await _trees.Files.RemoveFileAsync(s_who, path, Precondition.None, s_ct);
        }
    }

    private async Task<byte[]> ReadAsync(FilePath path, int length)
    {
        await using var file = await _trees.Files.OpenAsync(s_who, path, new OpenRequest { Access = OpenAccess.Read }, s_ct);
        var bytes = new byte[length + 1];
        var got = 0;
        while (await file.ReadAsync(got, bytes.AsMemory(got), s_ct) is > 0 and var count)
        {
            got += count;
        }

        return bytes[..got];
    }
}
