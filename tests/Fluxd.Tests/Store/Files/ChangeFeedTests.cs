using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Feed;
using Fluxd.Core.Files;
using Xunit;

namespace Fluxd.Tests.Store.Files;

public sealed class ChangeFeedTests : TreesFixture
{
    private async Task<string[]> Changes(long cursor = 0, Principal? who = null) =>
        [.. (await Trees.Feed.ReadAsync(who ?? Anna, cursor, 1000, Ct)).Changes.Select(change => $"{change.Kind} {change.From} {change.Path}".Replace("  ", " ", StringComparison.Ordinal))];

    [Fact(Timeout = TimeoutMs)]
    public async Task Every_change_is_told_once_and_in_order()
    {
        await Folder("/d");
        await Put("/d/a", "1");
        await Put("/d/a", "2");
        await Trees.Files.RenameAsync(Anna, P("/d/a"), P("/b"), false, Ct);
        await Trees.Files.SetAttributesAsync(Anna, P("/b"), new AttributeChange { Mode = 1 }, true, Ct);
        await Trees.Files.MakeSymlinkAsync(Anna, P("/l"), "b"u8.ToArray(), Ct);
        await Remove("/b");
        await Fails(FluxError.NotFound, () => Remove("/b"));
        string[] all = ["MakeFolder /d", "Put /d/a", "Put /d/a", "Move /d/a /b", "SetAttributes /b", "MakeSymlink /l", "Remove /b"];
        Assert.Equal(all, await Changes());

        var seen = new List<long>();
        var cursor = 0L;
        for (ChangePage page = new([], 0, true); page.HasMore; cursor = page.Next)
        {
            page = await Trees.Feed.ReadAsync(Anna, cursor, 2, Ct);
            seen.AddRange(page.Changes.Select(change => change.Sequence));
        }

        Assert.Equal(seen.Distinct().Order(), seen);
        Assert.Equal(7, seen.Count);
        Assert.Equal(Trees.Feed.Head, cursor);
        Assert.Equal(cursor, (await Trees.Feed.ReadAsync(Anna, cursor, 10, Ct)).Next);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Each_reader_sees_what_it_may_see()
    {
        Trees.Share(1, "team", Anna, FolderAccess.Write);
        Trees.Share(1, "team", Bert, FolderAccess.Read);
        await Put("/own", "1");
        await Put("/team/f", "2");
        await Trees.Files.RenameAsync(Anna, P("/own"), P("/team/own"), false, Ct);
        await Trees.Files.RenameAsync(Anna, P("/team/f"), P("/f"), false, Ct);
        Assert.Equal(["Put /team/f", "Move /team/own", "Remove /team/f"], await Changes(who: Bert));
        Assert.Equal(["Put /own", "Put /team/f", "Remove /own", "Move /team/own", "Remove /team/f", "Move /f"], await Changes());
        Trees.Share(1, "team", Bert, null);
        Assert.Empty(await Changes(who: Bert));
        Assert.Equal(["Put /own", "Remove /own"], await Changes(who: Anna with { PathPrefix = P("/own") }));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_thousand_waiters_wake_for_one_change()
    {
        var head = Trees.Feed.Head;
        var waiters = Enumerable.Range(0, 1500).Select(_ => Trees.Feed.WaitAsync(head, Ct)).ToList();
        Assert.All(waiters, waiter => Assert.False(waiter.IsCompleted));
        await Put("/a", "1");
        await Task.WhenAll(waiters);
        await Trees.Feed.WaitAsync(head, Ct);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_wait_can_be_given_up()
    {
        using var stop = new CancellationTokenSource();
        var waiter = Trees.Feed.WaitAsync(Trees.Feed.Head, stop.Token);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiter);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_cursor_older_than_the_log_is_gone()
    {
        await Put("/a", "1");
        await Trees.Keeper.RunAsync(Ct);
        Clock.Advance(TimeSpan.FromDays(40));
        await Put("/b", "1");
        Assert.Equal(1, (await Trees.Keeper.RunAsync(Ct)).Changes);
        await Fails(FluxError.Gone, () => Changes());
        Assert.Equal(["Put /b"], await Changes(cursor: 1));
        await Fails(FluxError.Gone, () => Changes(cursor: 1000));
    }
}
