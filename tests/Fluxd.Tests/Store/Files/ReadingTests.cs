using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Testing;
using Fluxd.Testing.Store;
using Xunit;

namespace Fluxd.Tests.Store.Files;

/// <summary>What is remembered for readers is never older than the last commit, and reading on gives the same bytes as reading.</summary>
public sealed class ReadingTests : IAsyncLifetime
{
    private static readonly CancellationToken Ct = CancellationToken.None;

    private readonly TestTrees _trees = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _trees.DisposeAsync();

    [Fact(Timeout = 60_000)]
    public async Task A_path_leads_elsewhere_as_soon_as_a_change_is_answered()
    {
        var path = FilePath.Parse("/a/f");
        await _trees.Files.MakeFolderAsync(People.Anna, FilePath.Parse("/a"), null, parents: true, Ct);
        for (byte round = 0; round < 50; round++)
        {
            await Write(People.Anna, path, [round]);
            Assert.Equal([round], await Read(People.Anna, path));
            Assert.Equal([round], await Read(People.Anna, path));
        }

        await _trees.Files.RenameAsync(People.Anna, FilePath.Parse("/a"), FilePath.Parse("/b"), replace: false, Ct);
        Assert.Equal(FluxError.NotFound, (await Assert.ThrowsAsync<FluxException>(() => Read(People.Anna, path))).Error);
        Assert.Equal([49], await Read(People.Anna, FilePath.Parse("/b/f")));
        await _trees.Files.RemoveFileAsync(People.Anna, FilePath.Parse("/b/f"), Precondition.None, Ct);
        Assert.Equal(FluxError.NotFound, (await Assert.ThrowsAsync<FluxException>(() => Read(People.Anna, FilePath.Parse("/b/f")))).Error);
    }

    [Fact(Timeout = 60_000)]
    public async Task What_is_remembered_opens_nothing_to_others_and_to_nobody_who_lost_the_right()
    {
        const long team = 77;
        _trees.Share(team, "team", People.Anna, FolderAccess.Write);
        _trees.Share(team, "team", People.Bert, FolderAccess.Read);
        var path = FilePath.Parse("/team/f");
        await Write(People.Anna, path, [1]);
        Assert.Equal([1], await Read(People.Bert, path));
        Assert.Equal([1], await Read(People.Bert, path));

        // No commit happens in the store: only the account's view changes.
        _trees.Share(team, "team", People.Bert, null);
        Assert.Equal(FluxError.NotFound, (await Assert.ThrowsAsync<FluxException>(() => Read(People.Bert, path))).Error);
        Assert.Equal([1], await Read(People.Anna, path));

        var narrow = People.Anna with { PathPrefix = FilePath.Parse("/other") };
        Assert.Equal(FluxError.NotFound, (await Assert.ThrowsAsync<FluxException>(() => Read(narrow, path))).Error);
        var blind = People.Anna with { Scopes = Scopes.Write };
        Assert.Equal(FluxError.Denied, (await Assert.ThrowsAsync<FluxException>(() => Read(blind, path))).Error);
        _trees.Change(People.Anna, user => user with { State = UserState.Disabled });
        Assert.Equal(FluxError.Denied, (await Assert.ThrowsAsync<FluxException>(() => Read(People.Anna, path))).Error);
    }

    [Fact(Timeout = 60_000)]
    public async Task Attributes_that_changed_after_opening_are_seen_by_the_open_handle()
    {
        var path = FilePath.Parse("/f");
        await Write(People.Anna, path, [1, 2]);
        await using var file = await _trees.Files.OpenAsync(People.Anna, path, new OpenRequest { Access = OpenAccess.Read }, Ct);
        Assert.Equal(2, (await file.StatAsync(Ct)).Size);
        await _trees.Files.SetAttributesAsync(People.Anna, path, new AttributeChange { ModifiedAt = FileTime.FromSeconds(1234) }, followLink: true, Ct);
        Assert.Equal(FileTime.FromSeconds(1234), (await file.StatAsync(Ct)).ModifiedAt);
    }

    [Theory(Timeout = 120_000)]
    [InlineData("fine")]
    [InlineData("media")]
    public async Task Reading_on_from_anywhere_gives_what_reading_gives(string kind)
    {
        var seed = Random.Shared.Next();
        var random = new Random(seed);
        var bytes = new byte[12_000_000];
        random.NextBytes(bytes);
        if (kind == "media")
        {
            // The head of a JPEG: cut into chunks of up to 4 MiB, longer than the reader's buffer.
            new byte[] { 0xFF, 0xD8, 0xFF, 0xE0, 0, 0x10, (byte)'J', (byte)'F', (byte)'I', (byte)'F', 0, 1 }.CopyTo(bytes, 0);
        }

        var path = FilePath.Parse("/f." + kind);
        await Write(People.Anna, path, bytes);
        for (var round = 0; round < 12; round++)
        {
            await using var file = await _trees.Files.OpenAsync(People.Anna, path, new OpenRequest { Access = OpenAccess.Read }, Ct);
            var from = round == 0 ? 0 : random.Next(bytes.Length);
            var count = round == 0 ? bytes.Length : random.Next(1, bytes.Length - from + 1);
            var buffer = new byte[random.Next(1000, 600_000)];
            using var got = new MemoryStream();
            while (got.Length < count)
            {
                var part = await file.ReadOnAsync(from + got.Length, buffer.AsMemory(0, (int)Math.Min(buffer.Length, count - got.Length)), Ct);
                Assert.True(part > 0, $"seed {seed}, round {round}: nothing at {from + got.Length}");
                got.Write(buffer, 0, part);
            }

            Assert.True(bytes.AsSpan(from, count).SequenceEqual(got.ToArray()), $"seed {seed}, round {round}: from {from}, {count} bytes");
            Assert.Equal(0, await file.ReadOnAsync(bytes.Length, buffer, Ct));
        }
    }

    private async Task Write(Principal who, FilePath path, byte[] bytes)
    {
        await using var file = await _trees.Files.OpenAsync(who, path, new OpenRequest { Access = OpenAccess.Write, Create = true, Truncate = true }, Ct);
        await file.WriteAsync(0, bytes, Ct);
        await file.CloseAsync(Ct);
    }

    private async Task<byte[]> Read(Principal who, FilePath path)
    {
        await using var file = await _trees.Files.OpenAsync(who, path, new OpenRequest { Access = OpenAccess.Read }, Ct);
        var buffer = new byte[100];
        return buffer[..await file.ReadAsync(0, buffer, Ct)];
    }
}
