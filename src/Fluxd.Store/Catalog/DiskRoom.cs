using Fluxd.Core;

namespace Fluxd.Store.Catalog;

/// <summary>The room on the disks that a commit writes to.</summary>
/// <param name="Free">Bytes, on that which has the fewest.</param>
/// <param name="Make">Asked when it is short: true when some was made, and it is worth another try.</param>
/// <param name="MakeLast">As <paramref name="Make"/>, by a start that can't do without.</param>
internal sealed record DiskRoom(Func<long> Free, Func<bool> Make, Func<bool> MakeLast)
{
    internal static FluxException Full(Exception? cause = null) => new(FluxError.NoSpace, "The disk is full; free some space and try again.", cause);
}
