using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Uploads;
using Fluxd.Store.Files;
using Xunit;

namespace Fluxd.Tests.Store.Files;

public sealed class HomePurgeTests : TreesFixture
{
    private static readonly Actor s_admin = new("admin:root");

    [Theory(Timeout = TimeoutMs)]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(1000)]
    public async Task All_of_a_home_goes_and_nothing_of_others(int slice)
    {
        Trees.Share(7, "Team", Anna, FolderAccess.Write);
        Trees.Share(7, "Team", Bert, FolderAccess.Write);
        await UserAsync(Anna, UserState.Active);
        await UserAsync(Bert, UserState.Active);
        await FillAsync();
        await Put("/of-bert", "bert's", Bert);
        await RemoveUserAsync(Anna);
        var purge = new HomePurge(Trees.Catalog, Clock, slice);
        var listed = Assert.Single(await purge.ListAsync(Ct));

        var gone = await purge.RunAsync(s_admin, "anna", Ct);

        Assert.Equal(listed, gone);
        Assert.Equal(("anna", Anna.UserId), (gone.Name, gone.Id));
        Assert.True(gone is { Files: > 5, Bytes: > 0, PastBytes: > 0 }, gone.ToString());
        Assert.Empty(await purge.ListAsync(Ct));
        await Fails(FluxError.NotFound, () => purge.RunAsync(s_admin, "anna", Ct));

        // What others see is whole, with its past: also of a file that came out of the purged home.
        Assert.Equal("bert's", await Get("/of-bert", Bert));
        Assert.Equal("moved", await Get("/Team/moved", Bert));
        Assert.Equal(2, (await Trees.Versions.ListAsync(Bert, P("/Team/moved"), Ct)).Count);
        Assert.Equal("shared", await Get("/Team/anna's", Bert));

        // In the tables nothing of the home is left but its empty top.
        var top = await Trees.Catalog.ReadAsync(db => db.Scalar("SELECT node FROM tree WHERE kind = 0 AND holder = 101"), Ct);
        foreach (var table in new[] { "trash WHERE root", "change WHERE root", "usage WHERE root", "node WHERE parent", "place WHERE parent" })
        {
            Assert.Equal(0, await CountAsync($"{table} = {top}"));
        }

        Assert.Equal(0, await CountAsync("upload WHERE owner = 101"));
        Assert.Equal(0, await CountAsync("version WHERE node NOT IN (SELECT id FROM node)"));
        Assert.Equal(0, await CountAsync("node WHERE parent <> 0 AND parent NOT IN (SELECT id FROM node)"));
        Assert.Equal(1, await CountAsync("audit WHERE kind = 'user.purge' AND subject = 'anna' AND actor = 'admin:root'"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Only_the_removed_can_be_purged_and_only_when_it_is_clear_who()
    {
        await UserAsync(Anna, UserState.Active);
        await UserAsync(Bert, UserState.Disabled);
        await Put("/a", "a");
        await Put("/b", "b", Bert);
        var purge = new HomePurge(Trees.Catalog, Clock);
        await Fails(FluxError.Conflict, () => purge.RunAsync(s_admin, "anna", Ct));
        await Fails(FluxError.Conflict, () => purge.RunAsync(s_admin, "bert", Ct));
        await Fails(FluxError.NotFound, () => purge.RunAsync(s_admin, "ghost", Ct));
        await Fails(FluxError.NotFound, () => purge.RunAsync(s_admin, "#101", Ct));
        Assert.Equal("a", await Get("/a"));

        // Two who had the same name, one after the other.
        await RemoveUserAsync(Anna);
        await RemoveUserAsync(Bert);
        await Trees.Catalog.WriteAsync(db => Run(db, "UPDATE user SET name = 'anna' WHERE id = 102"), Ct);
        var unclear = await Assert.ThrowsAsync<FluxException>(() => purge.RunAsync(s_admin, "anna", Ct));
        Assert.Contains("#101, #102", unclear.Message, StringComparison.Ordinal);
        Assert.Equal(101, (await purge.RunAsync(s_admin, "#101", Ct)).Id);
        Assert.Equal(102, Assert.Single(await purge.ListAsync(Ct)).Id);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_purge_that_was_cut_off_goes_on()
    {
        await UserAsync(Anna, UserState.Active);
        await FillAsync();
        await RemoveUserAsync(Anna);
        var purge = new HomePurge(Trees.Catalog, Clock, slice: 1);
        for (var i = 0; i < 6; i++)
        {
            Assert.True(await Trees.Catalog.WriteAsync(db => purge.Slice(db, Anna.UserId), Ct));
            Assert.Equal(0, await CountAsync("node WHERE parent <> 0 AND parent NOT IN (SELECT id FROM node)"));
        }

        Assert.Single(await purge.ListAsync(Ct));

        await purge.RunAsync(s_admin, "anna", Ct);

        Assert.Empty(await purge.ListAsync(Ct));
    }

    /// <summary>Folders, versions, trash, superseded files, an unfinished upload, and files in a shared folder.</summary>
    private async Task FillAsync()
    {
        await Folder("/one/two/three");
        await Folder("/empty");
        for (var i = 0; i < 5; i++)
        {
            await Put($"/one/two/file{i}", $"text {i}");
        }

        await Put("/changed", "first");
        await Put("/later", "first");
        await Put("/gone", "gone");
        Clock.Advance(TimeSpan.FromHours(1));
        await Put("/changed", "second");
        await Put("/changed.tmp", "third");
        await Trees.Files.RenameAsync(Anna, P("/changed.tmp"), P("/changed"), replace: true, Ct);
        await Put("/later", "moved");
        await Remove("/gone");
        await Trees.Files.RenameAsync(Anna, P("/one/two/file0"), P("/empty/file0"), replace: false, Ct);
        await Trees.Uploads.CreateAsync(Anna, new UploadRequest { Target = P("/unfinished"), Size = 1000 }, Ct);
        if ((await Names("/")).Contains("Team"))
        {
            await Trees.Files.RenameAsync(Anna, P("/later"), P("/Team/moved"), replace: false, Ct);
            await Put("/Team/anna's", "shared");
        }
    }

    private Task UserAsync(Principal who, UserState state) => Trees.Catalog.WriteAsync(
        db =>
        {
            using var insert = db.Sql("INSERT INTO user(id, name, state, created) VALUES (?1, ?2, ?3, 1)").Bind(who.UserId).Bind(who.UserName).Bind((long)state);
            insert.Run();
        },
        Ct);

    private Task RemoveUserAsync(Principal who)
    {
        Trees.Change(who, user => user with { State = UserState.Removed });
        return Trees.Catalog.WriteAsync(db => Run(db, $"UPDATE user SET state = 3 WHERE id = {who.UserId}"), Ct);
    }

    private ValueTask<long> CountAsync(string where) => Trees.Catalog.ReadAsync(db => db.Scalar("SELECT count(*) FROM " + where) ?? -1, Ct);

    private static void Run(Fluxd.Store.Catalog.CatalogTransaction db, string sql)
    {
        using var statement = db.Sql(sql);
        statement.Run();
    }
}
