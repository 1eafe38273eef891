using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Store.Content;
using Fluxd.Store.Uploads;
using Fluxd.Testing;
using Fluxd.Testing.Disk;
using Fluxd.Testing.Store;
using Xunit;
using Xunit.Abstractions;

namespace Fluxd.Tests.Store.Uploads;

/// <summary>
/// The last byte and the publishing cost the same however long the file is: what they change, write, read and sync is
/// counted. The rows of a recipe are written while the bytes come in; what is left for the end is the last extent, the
/// content's row and the name.
/// </summary>
public sealed class CompletionTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const int TimeoutMs = 300_000;
    private const long Mebibyte = 1 << 20;

    /// <summary>The uncut end of a content is written, read back and written once more as a chunk: 256 KiB at most in the fine class, and what names it.</summary>
    private const long TailsMax = (2 * ContentLimits.TightExtentBytes) + (128 << 10);

    /// <summary>A page of a tree more or less, as rows fall.</summary>
    private const long RowsMore = 4;
    private const int SyncsMore = 1;

    private static readonly CancellationToken Ct = CancellationToken.None;

    private CountingDisk _disk = null!;
    private TestTrees _trees = null!;

    /// <summary>Each has bytes of its own: known chunks would cost less.</summary>
    private int _files;

    public Task InitializeAsync()
    {
        _trees = new TestTrees(wrap: disk => _disk = new CountingDisk(disk));
        return Task.CompletedTask;
    }

    public Task DisposeAsync() => _trees.DisposeAsync().AsTask();

    [Theory(Timeout = TimeoutMs)]
    [InlineData(false)]
    [InlineData(true)]
    public Task Completing_costs_the_same_for_one_MiB_and_for_a_quarter_GiB_sent_in_order(bool hashes) => CompareAsync(256 * Mebibyte, hashes);

    [Fact(Timeout = 3_000_000)]
    [Trait("Category", "Long")]
    public Task Completing_costs_the_same_for_one_MiB_and_for_ten_GiB_sent_in_order() => CompareAsync((10 << 10) * Mebibyte, hashes: false);

    /// <summary>Quick, because only chunks are named: a recipe as long as that of ten GiB, in the parts that an upload in order makes.</summary>
    [Fact(Timeout = TimeoutMs)]
    public async Task Completing_costs_the_same_where_ten_GiB_are_copied_before_the_last_byte()
    {
        await CostAsync("/piece", 64 * Mebibyte, hashes: false);
        var piece = await _trees.Catalog.ReadAsync(db => db.Scalar($"SELECT content FROM version WHERE size = {64 * Mebibyte}"), Ct);
        var small = await CostAsync("/small", Mebibyte, hashes: false);
        var created = await _trees.Uploads.CreateAsync(People.Anna, new UploadRequest { Target = FilePath.Parse("/big"), Size = (160 * 64 * Mebibyte) + 1 }, Ct);
        await using (var writer = (UploadWriter)await _trees.Uploads.OpenAsync(People.Anna, created.Id, Ct))
        {
            for (var i = 0; i < 160; i++)
            {
                await writer.AppendAsync(piece!.Value, 0, 64 * Mebibyte, Ct);
            }
        }

        Compare(small, await CostAsync(created.Id));
    }

    private async Task CompareAsync(long size, bool hashes)
    {
        // Once before, so that both find the statements prepared.
        await CostAsync("/first", Mebibyte, hashes);
        Compare(await CostAsync("/small", Mebibyte, hashes), await CostAsync("/big", size, hashes));
    }

    private void Compare(Cost small, Cost big)
    {
        output.WriteLine($"small {small}");
        output.WriteLine($"big   {big}");
        Assert.True(big.Parts > 10 * small.Parts, "the big file's recipe is no longer than the small one's");
        Assert.InRange(small.Rows, 1, 100);
        Assert.InRange(big.Rows, 1, small.Rows + RowsMore);
        Assert.InRange(big.Syncs, 1, small.Syncs + SyncsMore);
        Assert.InRange(big.Written, 1, small.Written + TailsMax);
        Assert.InRange(big.Read, 0, small.Read + TailsMax);
    }

    private async Task<Cost> CostAsync(string path, long size, bool hashes)
    {
        var request = new UploadRequest { Target = FilePath.Parse(path), Size = size, WantSha256 = hashes };
        var created = await _trees.Uploads.CreateAsync(People.Anna, request, Ct);
        var piece = new byte[Mebibyte];
        new Random(++_files).NextBytes(piece);
        await using (var writer = await _trees.Uploads.OpenAsync(People.Anna, created.Id, Ct))
        {
            for (var at = 0L; at < size - 1; at += piece.Length)
            {
                // Enough to make each chunk a new one.
                for (var i = 0; i < piece.Length; i += 8 << 10)
                {
                    BitConverter.TryWriteBytes(piece.AsSpan(i), at + i);
                }

                await writer.WriteAsync(piece.AsMemory(0, (int)Math.Min(piece.Length, size - 1 - at)), Ct);
            }
        }

        return await CostAsync(created.Id);
    }

    /// <summary>What the last byte and the publishing change, write, read and sync.</summary>
    private async Task<Cost> CostAsync(UploadId id)
    {
        var parts = await _trees.Catalog.ReadAsync(
            db =>
            {
                using var row = db.Sql("SELECT count(*) FROM content_part p JOIN upload u ON u.content = p.content WHERE u.id = ?1").Bind(id.ToBytes());
                return row.RunScalar()!.Value;
            },
            Ct);
        var before = await NowAsync();
        await using (var writer = await _trees.Uploads.OpenAsync(People.Anna, id, Ct))
        {
            await writer.WriteAsync(new byte[1], Ct);
        }

        var done = await _trees.Uploads.CompleteAsync(People.Anna, id, Ct);
        Assert.Equal(UploadState.Completed, done.State);
        var after = await NowAsync();
        return new Cost(parts, after.Rows - before.Rows, after.Written - before.Written, after.Read - before.Read, after.Syncs - before.Syncs);
    }

    private async Task<Cost> NowAsync()
    {
        var rows = await _trees.Catalog.WriteAsync(db => db.Scalar("SELECT total_changes()"), Ct);
        return new Cost(0, rows!.Value, _disk.Bytes, _disk.BytesRead, _disk.Syncs);
    }

    /// <param name="Parts">Of the recipe, before the last byte.</param>
    /// <param name="Rows">Rows of the catalogue that were added, changed or removed.</param>
    /// <param name="Written">Bytes into packs; the log's records of all changed rows are among them.</param>
    /// <param name="Read">Bytes out of packs.</param>
    private sealed record Cost(long Parts, long Rows, long Written, long Read, long Syncs);
}
