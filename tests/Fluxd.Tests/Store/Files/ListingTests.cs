using System.Globalization;
using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Store.Files;
using Fluxd.Store.Uploads;
using Xunit;

namespace Fluxd.Tests.Store.Files;

public sealed class ListingTests : TreesFixture
{
    [Fact(Timeout = TimeoutMs)]
    public async Task Paging_skips_and_repeats_nothing_while_entries_come_and_go()
    {
        for (var i = 0; i < 300; i++)
        {
            await Folder($"/stays{i:d3}");
        }

        var seen = new List<string>();
        string? cursor = null;
        var round = 0;
        do
        {
            var page = await Trees.Files.ListAsync(Anna, FilePath.Root, new ListRequest { Count = 23, Cursor = cursor }, Ct);
            seen.AddRange(page.Entries.Select(entry => entry.Name.ToString()).Where(name => name.StartsWith("stays", StringComparison.Ordinal)));
            cursor = page.Next;

            // Before and behind the place where the page ended; and the entry that the cursor names itself.
            await Folder($"/a{round}");
            await Folder($"/z{round}");
            await Folder($"/stays{round:d3}x");
            await Trees.Files.RemoveFolderAsync(Anna, P("/").Append(page.Entries[^1].Name), recursive: false, Ct);
            round++;
        }
        while (cursor is not null && round < 1000);
        var plain = seen.Where(name => name.Length == 8).ToList();
        Assert.Equal(Enumerable.Range(0, 300).Select(i => $"stays{i:d3}"), plain);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_page_with_unfinished_files_does_not_read_the_whole_folder_for_them()
    {
        var plan = await Trees.Catalog.ReadAsync(
            db =>
            {
                var steps = new List<string>();
                using var explained = db.Sql("EXPLAIN QUERY PLAN " + UploadTable.ShadowsOfNodesIn).Bind(1).Bind(2);
                while (explained.Step())
                {
                    steps.Add(explained.Text(3));
                }

                return steps;
            },
            Ct);

        Assert.Contains("upload USING INDEX upload_node (owner=? AND node>?)", plan[0], StringComparison.Ordinal);
        Assert.Contains(plan, step => step.Contains("node USING ", StringComparison.Ordinal) && step.EndsWith("PRIMARY KEY (rowid=?)", StringComparison.Ordinal));
        Assert.DoesNotContain(plan, step => step.Contains("parent", StringComparison.Ordinal) || step.StartsWith("SCAN", StringComparison.Ordinal));
    }

    [Theory(Timeout = TimeoutMs)]
    [InlineData(ListSort.Name, false)]
    [InlineData(ListSort.Size, true)]
    [InlineData(ListSort.ModifiedAt, true)]
    public async Task A_hundred_thousand_entries_are_listed_page_by_page(ListSort sort, bool descending)
    {
        const int count = 100_000;
        var folder = await Folder("/many");
        await Fill(folder.Id, count);
        var seen = new HashSet<FileName>();
        NodeInfo? last = null;
        string? cursor = null;
        do
        {
            var page = await Trees.Files.ListAsync(Anna, P("/many"), new ListRequest { Cursor = cursor, Sort = sort, Descending = descending }, Ct);
            Assert.InRange(page.Entries.Count, 1, Limits.ListPageMax);
            foreach (var entry in page.Entries)
            {
                Assert.True(seen.Add(entry.Name));
                Assert.True(last is null || InOrder(last, entry, sort, descending), $"{entry.Name} comes after {last?.Name}");
                last = entry;
            }

            cursor = page.Next;
        }
        while (cursor is not null);
        Assert.Equal(count, seen.Count);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_foreign_cursor_is_refused_in_words() =>
        await Fails(FluxError.Invalid, () => Trees.Files.ListAsync(Anna, FilePath.Root, new ListRequest { Cursor = "%%%" }, Ct).AsTask());

    [Fact(Timeout = TimeoutMs)]
    public async Task Two_writers_never_both_get_the_last_room()
    {
        Trees.Change(Anna, user => user with { QuotaBytes = 100 });
        var files = new List<IOpenFile>();
        for (var i = 0; i < 20; i++)
        {
            var file = await Trees.Files.OpenAsync(Anna, P($"/{i}"), new OpenRequest { Access = OpenAccess.Write, Create = true }, Ct);
            await file.WriteAsync(0, new byte[30], Ct);
            files.Add(file);
        }

        var outcomes = await Task.WhenAll(files.Select(file => Task.Run(() => Record.ExceptionAsync(() => file.CloseAsync(Ct)))));
        Assert.Equal(3, outcomes.Count(outcome => outcome is null));
        Assert.All(outcomes.OfType<Exception>(), outcome => Assert.Equal(FluxError.QuotaExceeded, Assert.IsType<FluxException>(outcome).Error));
        Assert.Equal(10, (await Trees.Files.SpaceAsync(Anna, FilePath.Root, Ct)).BytesFree);
        foreach (var file in files)
        {
            await file.DisposeAsync();
        }
    }

    private Task Fill(long folder, int count) => Trees.Catalog.WriteAsync(
        db =>
        {
            for (var i = 0; i < count; i++)
            {
                NodeTable.Insert(db, new NodeRow
                {
                    Id = 0,
                    Parent = folder,
                    Name = FileName.From(string.Create(CultureInfo.InvariantCulture, $"entry {i * 7919L % count:d6}")),
                    Kind = NodeKind.File,
                    Size = i % 1000,
                    ModifiedAt = i / 3,
                });
            }
        },
        Ct);

    private static bool InOrder(NodeInfo first, NodeInfo second, ListSort sort, bool descending)
    {
        var order = sort switch
        {
            ListSort.Size => first.Size.CompareTo(second.Size),
            ListSort.ModifiedAt => first.ModifiedAt.CompareTo(second.ModifiedAt),
            _ => 0,
        };
        order = order != 0 ? order : first.Name.CompareTo(second.Name);
        return descending ? order > 0 : order < 0;
    }
}
