using Fluxd.Contracts;
using Fluxd.Core.Files;
using Fluxd.Testing;

namespace Fluxd.Tests.Core.Files;

/// <summary>The model keeps the contract that it is a model of.</summary>
public sealed class MemoryFilesTests : FilesContract
{
    private readonly MemoryFiles _files = new();

    protected override bool SeparatesFrontends => false;

    protected override Task<IFiles> Make() => Task.FromResult<IFiles>(_files);

    protected override void SetQuota(long bytes) => _files.QuotaBytes = bytes;
}
