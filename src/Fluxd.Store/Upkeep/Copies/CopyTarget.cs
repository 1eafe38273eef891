using Fluxd.Core;

namespace Fluxd.Store.Upkeep.Copies;

/// <summary>Where a backup or an export may go.</summary>
internal static class CopyTarget
{
    /// <exception cref="FluxException">Invalid: one lies inside the other.</exception>
    public static void RequireOutside(string store, string target)
    {
        var (to, own) = (Path.GetFullPath(target).TrimEnd('/') + '/', Path.GetFullPath(store).TrimEnd('/') + '/');
        if (to.StartsWith(own, StringComparison.Ordinal) || own.StartsWith(to, StringComparison.Ordinal))
        {
            throw FluxException.Invalid("The folder must not lie inside the store, nor the store inside it; name one on another disk.");
        }
    }
}
