using System.Text;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Testing;
using Fluxd.Testing.Store;
using Xunit;

namespace Fluxd.Tests.Store.Files;

/// <summary>The trees with a clock that a test moves, and short words for what tests do with them.</summary>
public abstract class TreesFixture : IAsyncLifetime
{
    protected const int TimeoutMs = 180_000;

    protected static readonly CancellationToken Ct = CancellationToken.None;

    internal TestTrees Trees { get; private set; } = null!;

    protected ManualTime Clock { get; } = new(new DateTimeOffset(2026, 3, 1, 10, 30, 0, TimeSpan.Zero));

    protected static Principal Anna => People.Anna;

    protected static Principal Bert => People.Bert;

    public Task InitializeAsync()
    {
        Trees = new TestTrees(Clock);
        return Task.CompletedTask;
    }

    public Task DisposeAsync() => Trees.DisposeAsync().AsTask();

    protected static FilePath P(string path) => FilePath.Parse(path);

    protected async Task<NodeInfo> Put(string path, string text, Principal? who = null)
    {
        var request = new OpenRequest { Access = OpenAccess.Write, Create = true, Truncate = true };
        await using var file = await Trees.Files.OpenAsync(who ?? Anna, P(path), request, Ct);
        await file.WriteAsync(0, Encoding.UTF8.GetBytes(text), Ct);
        return await file.CloseAsync(Ct);
    }

    protected async Task<string> Get(string path, Principal? who = null)
    {
        await using var file = await Trees.Files.OpenAsync(who ?? Anna, P(path), new OpenRequest { Access = OpenAccess.Read }, Ct);
        return await Text(file);
    }

    protected static async Task<string> Text(IOpenFile file)
    {
        var buffer = new byte[100_000];
        return Encoding.UTF8.GetString(buffer, 0, await file.ReadAsync(0, buffer, Ct));
    }

    protected async Task<string[]> Names(string folder, Principal? who = null) =>
        [.. (await Trees.Files.ListAsync(who ?? Anna, P(folder), new ListRequest(), Ct)).Entries.Select(entry => entry.Name.ToString())];

    protected Task<NodeInfo> Folder(string path, Principal? who = null) => Trees.Files.MakeFolderAsync(who ?? Anna, P(path), null, parents: true, Ct);

    protected Task Remove(string path, Principal? who = null) => Trees.Files.RemoveFileAsync(who ?? Anna, P(path), Precondition.None, Ct);

    protected static async Task Fails(FluxError error, Func<Task> work) => Assert.Equal(error, (await Assert.ThrowsAsync<FluxException>(work)).Error);
}
