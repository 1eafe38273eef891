using System.Diagnostics;
using System.Globalization;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Store.Files;
using Xunit;
using Xunit.Abstractions;

namespace Fluxd.Tests.Store.Files;

public sealed class SearchTests(ITestOutputHelper output) : TreesFixture
{
    private const int FolderFiles = 1000;

    // More by hand: FLUXD_TEST_NAMES=1000000 prints how long a search of a million names takes beside listing them.
    private static readonly int s_names = int.Parse(Environment.GetEnvironmentVariable("FLUXD_TEST_NAMES") ?? "100000", CultureInfo.InvariantCulture);

    [Fact(Timeout = 600_000)]
    public async Task A_hundred_thousand_names_are_searched_page_by_page()
    {
        await Fill(s_names);
        var found = await All("NEEDLE", 7);
        Assert.Equal((s_names / FolderFiles) + 1, found.Count);
        Assert.Equal(found.Count, found.Distinct().Count());
        Assert.Contains(P("/f000003/a needle"), found);
        Assert.Contains(P("/f000003"), await All("F000003", 7));

        // The whole tree for nothing, and a look at every name for comparison.
        await All("nowhere", 1000);
        var (search, list) = (Stopwatch.StartNew(), new Stopwatch());
        Assert.Empty(await All("nowhere", 1000));
        search.Stop();
        list.Start();
        await ListAll();
        list.Stop();
        output.WriteLine($"{s_names} names: searched in {search.ElapsedMilliseconds} ms, listed in {list.ElapsedMilliseconds} ms");
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_search_goes_on_when_the_place_where_its_page_ended_is_gone()
    {
        await Folder("/a/b/hit");
        await Put("/a/b/hit/hit", "1");
        await Put("/a/c hit", "1");
        await Folder("/d/hit");
        var first = await Trees.Files.SearchAsync(Anna, FilePath.Root, "hit", null, 1, Ct);
        Assert.Equal([P("/a/b/hit")], first.Entries.Select(entry => entry.Path));
        await Trees.Files.RemoveFolderAsync(Anna, P("/a/b"), true, Ct);
        await Put("/a/bb hit", "1");
        Assert.Equal([P("/a/bb hit"), P("/a/c hit"), P("/d/hit")], await All("hit", 1, first.Next));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Shared_folders_and_names_beyond_ascii_are_searched_too()
    {
        Trees.Share(1, "team", Anna, FolderAccess.Read);
        Trees.Share(1, "team", Bert, FolderAccess.Write);
        Trees.Share(2, "other", Bert, FolderAccess.Write);
        await Put("/team/Übersicht.TXT", "1", Bert);
        await Put("/other/übersicht", "1", Bert);
        await Put("/übersicht", "1");
        await Put("/private übersicht", "1", Bert);
        Assert.Equal([P("/team/Übersicht.TXT"), P("/übersicht")], (await All("ÜBERS", 1)).OrderBy(path => path.ToString(), StringComparer.Ordinal));
        Assert.Equal([P("/team/Übersicht.TXT")], (await Trees.Files.SearchAsync(Anna, P("/team"), "übers", null, 10, Ct)).Entries.Select(entry => entry.Path));
        await Fails(FluxError.Invalid, () => Trees.Files.SearchAsync(Anna, FilePath.Root, "x", "!?", 10, Ct).AsTask());
    }

    private async Task<List<FilePath>> All(string text, int count, string? cursor = null)
    {
        var found = new List<FilePath>();
        do
        {
            var page = await Trees.Files.SearchAsync(Anna, FilePath.Root, text, cursor, count, Ct);
            Assert.InRange(page.Entries.Count, 0, count);
            found.AddRange(page.Entries.Select(entry => entry.Path));
            cursor = page.Next;
        }
        while (cursor is not null);
        return found;
    }

    private async Task ListAll()
    {
        for (var i = 0; i < s_names / FolderFiles; i++)
        {
            string? cursor = null;
            do
            {
                cursor = (await Trees.Files.ListAsync(Anna, P($"/f{i:d6}"), new ListRequest { Cursor = cursor }, Ct)).Next;
            }
            while (cursor is not null);
        }
    }

    private async Task Fill(int names)
    {
        await Put("/needle", "1");
        for (var i = 0; i < names / FolderFiles; i++)
        {
            var folder = await Folder($"/f{i:d6}");
            await Trees.Catalog.WriteAsync(
                db =>
                {
                    for (var n = 0; n < FolderFiles; n++)
                    {
                        var name = n == 500 ? "a needle" : string.Create(CultureInfo.InvariantCulture, $"some file name {n * 7919L % FolderFiles:d6}.jpeg");
                        NodeTable.Insert(db, new NodeRow { Id = 0, Parent = folder.Id, Name = FileName.From(name), Kind = NodeKind.File });
                    }
                },
                Ct);
        }
    }
}
