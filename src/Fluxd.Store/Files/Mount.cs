using Fluxd.Core.Files;

namespace Fluxd.Store.Files;

/// <summary>A tree in a principal's view: the home, or a shared folder. Quota and rights are the tree's.</summary>
/// <param name="Root">Node at the top.</param>
/// <param name="Name">The shared folder's own name; default for the home.</param>
internal sealed record Mount(long Root, FileName Name, bool CanWrite, long? QuotaBytes, long? QuotaFiles)
{
    public bool IsShared => !Name.IsDefault;
}
