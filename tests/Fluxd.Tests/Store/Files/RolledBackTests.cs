using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Store.Files;
using Xunit;

namespace Fluxd.Tests.Store.Files;

/// <summary>A removal or a renaming that fails leaves a new file, which its user still writes, as it was.</summary>
public sealed class RolledBackTests : TreesFixture
{
    [Fact(Timeout = TimeoutMs)]
    public async Task A_removal_that_fails_leaves_the_new_file_to_its_writer()
    {
        await using var file = await Begin("/new");
        await Fails(FluxError.NoSpace, () => Trees.Trees.WriteAsync<bool>(
            Anna,
            (view, db) =>
            {
                Assert.True(Trees.Open.DropPending(db, Anna.UserId, FileStore.WalkToMaybe(view, db, Operation.RemoveFile, P("/new"), followLast: false)));
                throw new FluxException(FluxError.NoSpace, "No room.");
            },
            Ct));
        await file.CloseAsync(Ct);
        Assert.Equal("hello", await Get("/new"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_renaming_that_fails_leaves_the_new_file_where_it_was()
    {
        await using var file = await Begin("/new");
        await Fails(FluxError.NoSpace, () => Trees.Trees.WriteAsync<bool>(
            Anna,
            (view, db) =>
            {
                var from = FileStore.WalkToMaybe(view, db, Operation.RenameFrom, P("/new"), followLast: false);
                var to = FileStore.WalkToMaybe(view, db, Operation.RenameTo, P("/other"), followLast: false);
                Assert.True(Trees.Open.MovePending(db, Anna.UserId, from, to));
                throw new FluxException(FluxError.NoSpace, "No room.");
            },
            Ct));
        await file.CloseAsync(Ct);
        Assert.Equal(["new"], await Names("/"));
    }

    private async Task<IOpenFile> Begin(string path)
    {
        var file = await Trees.Files.OpenAsync(Anna, P(path), new OpenRequest { Access = OpenAccess.Write, Create = true, Exclusive = true }, Ct);
        await file.WriteAsync(0, "hello"u8.ToArray(), Ct);
        return file;
    }
}
