using Fluxd.Core.Accounts;
using Fluxd.Store.Accounts;
using Fluxd.Store.Catalog;
using Fluxd.Testing;

namespace Fluxd.Tests.Store.Accounts;

/// <summary>A real catalogue in a folder of its own, with accounts over it; cheap hashes.</summary>
internal sealed class House : IAsyncDisposable
{
    public static readonly Actor Admin = new("test");

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("fluxd-accounts-");
    private readonly int _iterations;
    private SqliteCatalog? _catalog;

    private House(ManualTime clock, int iterations) => (Clock, _iterations) = (clock, iterations);

    public ManualTime Clock { get; }

    public Identity Identity { get; private set; } = null!;

    public IAccounts Accounts => Identity.Accounts;

    public SqliteCatalog Catalog => _catalog!;

    public string Path => System.IO.Path.Combine(_folder.FullName, "catalog.db");

    public static async Task<House> MakeAsync(ManualTime? clock = null, int iterations = 100)
    {
        var house = new House(clock ?? new ManualTime(), iterations);
        await house.OpenAsync(create: true, iterations);
        return house;
    }

    public async Task RestartAsync(int? iterations = null)
    {
        await CloseAsync();
        await OpenAsync(create: false, iterations ?? _iterations);
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        _folder.Delete(recursive: true);
    }

    private async Task OpenAsync(bool create, int iterations)
    {
        _catalog = SqliteCatalog.Open(new CatalogOptions(Path, Clock) { Create = create });
        Identity = await Identity.OpenAsync(_catalog, Clock, new IdentityOptions(iterations, 1), null, default);
    }

    private async Task CloseAsync()
    {
        await Identity.DisposeAsync();
        await _catalog!.DisposeAsync();
    }
}
