using Fluxd.Contracts;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Testing;
using Fluxd.Testing.Store;

namespace Fluxd.Tests.Store.Uploads;

public sealed class UploadStoreTests : UploadsContract
{
    private readonly TestTrees _trees = new();

    public override Task DisposeAsync() => _trees.DisposeAsync().AsTask();

    protected override Task<(IUploads Uploads, IFiles Files)> Make() => Task.FromResult<(IUploads, IFiles)>((_trees.Uploads, _trees.Files));

    protected override void SetQuota(long bytes) => _trees.Change(People.Anna, user => user with { QuotaBytes = bytes });
}
