using System.Text;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Testing;
using Xunit;

namespace Fluxd.Contracts;

/// <summary>What every <see cref="IFiles"/> keeps. An implementation derives from it and gives an empty tree for Anna.</summary>
public abstract partial class FilesContract : IAsyncLifetime
{
    protected const int TimeoutMs = 30_000;

    protected static readonly CancellationToken Ct = CancellationToken.None;

    protected IFiles Files { get; private set; } = null!;

    protected static Principal Anna => People.Anna;

    public async Task InitializeAsync() => Files = await Make();

    public virtual Task DisposeAsync() => Task.CompletedTask;

    protected abstract Task<IFiles> Make();

    protected abstract void SetQuota(long bytes);

    protected static FilePath P(string path) => FilePath.Parse(path);

    protected static byte[] B(string text) => Encoding.UTF8.GetBytes(text);

    protected async Task<NodeInfo> Put(string path, string text, Principal? who = null) => await Put(path, B(text), who);

    protected async Task<NodeInfo> Put(string path, byte[] bytes, Principal? who = null)
    {
        await using var file = await Files.OpenAsync(who ?? Anna, P(path), Writing, Ct);
        await file.WriteAsync(0, bytes, Ct);
        return await file.CloseAsync(Ct);
    }

    protected async Task<string> Get(string path, Principal? who = null)
    {
        await using var file = await Files.OpenAsync(who ?? Anna, P(path), new OpenRequest { Access = OpenAccess.Read }, Ct);
        return Encoding.UTF8.GetString(await ReadAll(file));
    }

    protected static async Task<byte[]> ReadAll(IOpenFile file)
    {
        var all = new MemoryStream();
        var buffer = new byte[10_000];
        for (int got; (got = await file.ReadAsync(all.Length, buffer, Ct)) > 0;)
        {
            all.Write(buffer, 0, got);
        }

        return all.ToArray();
    }

    protected async Task<string[]> Names(string folder, ListRequest? request = null, Principal? who = null) =>
        [.. (await Files.ListAsync(who ?? Anna, P(folder), request ?? new ListRequest(), Ct)).Entries.Select(entry => entry.Name.ToString())];

    protected Task<NodeInfo> MakeFolder(string path) => Files.MakeFolderAsync(Anna, P(path), null, parents: false, Ct);

    protected static async Task Fails(FluxError error, Func<Task> work)
    {
        var failure = await Assert.ThrowsAsync<FluxException>(work);
        Assert.Equal(error, failure.Error);
        Assert.NotEmpty(failure.Message);
    }

    protected Task<NodeInfo> Stat(string path, Principal? who = null) => Files.StatAsync(who ?? Anna, P(path), followLink: true, Ct).AsTask();

    protected static OpenRequest Writing => new() { Access = OpenAccess.Write, Create = true, Truncate = true };
}
