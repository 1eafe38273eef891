using Fluxd.Core.Accounts;
using Fluxd.Store;
using Fluxd.Store.Files;
using Fluxd.Store.Packs.Codecs;

namespace Fluxd.Bench;

/// <summary>A store and its trees in this process, put together as the daemon does it, with one user.</summary>
internal sealed class OpenStore : IAsyncDisposable
{
    private const int User = 1;

    private OpenStore(FluxdStore store, TreeServices trees) => (Store, Trees) = (store, trees);

    internal static Principal Who { get; } = new()
    {
        UserId = User,
        UserName = "anna",
        Scopes = Scopes.All,
        Credential = CredentialKind.Password,
    };

    internal FluxdStore Store { get; }

    internal TreeServices Trees { get; }

    /// <summary>Makes the store where there is none.</summary>
    internal static async Task<OpenStore> OpenAsync(string path, CompressionMode compression = CompressionMode.Auto, RetentionPolicy? policy = null)
    {
        policy ??= new RetentionPolicy();
        var options = new StoreOptions { Path = path, Compression = compression };
        if (!File.Exists(Path.Combine(path, StoreManifest.FileName)))
        {
            await FluxdStore.InitAsync(options);
        }

        var store = FluxdStore.Open(options);
        var user = new UserInfo { Id = User, Name = "anna", State = UserState.Active };
        var accounts = new AccountView(_ => user, _ => []); // one and the same until it changes, as the daemon's
        var trees = await TreeServices.OpenAsync(
            new TreeParts(store.Catalog, store.Contents, store.Disk, accounts, TimeProvider.System, () => policy, () => true), CancellationToken.None);
        return new OpenStore(store, trees);
    }

    /// <summary>Bytes of packs and catalogue; the ballast, which is given back when it is needed, is none of them.</summary>
    internal static long StoredBytes(string path) => new DirectoryInfo(path).EnumerateFiles("*", SearchOption.AllDirectories)
        .Where(file => file.Name is not ("ballast" or "LOCK")).Sum(file => file.Length);

    public ValueTask DisposeAsync() => Store.DisposeAsync();
}
