using Fluxd.Contracts;
using Fluxd.Core.Files;
using Fluxd.Testing;
using Fluxd.Testing.Store;

namespace Fluxd.Tests.Store.Files;

public sealed class FileStoreTests : FilesContract
{
    private readonly TestTrees _trees = new();

    public override Task DisposeAsync() => _trees.DisposeAsync().AsTask();

    protected override Task<IFiles> Make() => Task.FromResult<IFiles>(_trees.Files);

    protected override void SetQuota(long bytes) => _trees.Change(People.Anna, user => user with { QuotaBytes = bytes });
}
