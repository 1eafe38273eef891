using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;

namespace Fluxd.Store.Files;

/// <summary>
/// The one choke point: every path that any operation touches passes <c>Check</c>. It holds the credential's
/// scope and path prefix, the right on a shared folder, the past's being read-only, and what can't be done to a top.
/// </summary>
internal static class Access
{
    private static readonly AccessRule s_look = new(Scopes.Read, Writes: false, OnTop: true, OnWay: false);
    private static readonly AccessRule s_lookOnWay = s_look with { OnWay = true };
    private static readonly AccessRule s_change = new(Scopes.Write, Writes: true, OnTop: false, OnWay: false);
    private static readonly AccessRule s_changeTop = s_change with { OnTop = true };

    public static AccessRule RuleOf(Operation operation) => operation switch
    {
        Operation.Stat or Operation.List or Operation.Resolve or Operation.Space => s_lookOnWay,
        Operation.Search or Operation.Read or Operation.ReadLink or Operation.CopyFrom or Operation.ListVersions => s_look,
        Operation.MakeFolder or Operation.SetAttributes => s_changeTop,
        Operation.Write or Operation.Create or Operation.MakeSymlink or Operation.RemoveFile or Operation.RemoveFolder
            or Operation.RenameFrom or Operation.RenameTo or Operation.CopyTo or Operation.RememberDigest
            or Operation.RestoreVersion or Operation.Upload => s_change,
        _ => throw new ArgumentOutOfRangeException(nameof(operation)),
    };

    /// <summary>Before the path is walked: nothing is learnt about places that the credential doesn't reach.</summary>
    public static void Check(Principal who, Operation operation, FilePath path)
    {
        var rule = RuleOf(operation);
        who.Require(rule.Scope);
        if (!IsReached(who, rule, path))
        {
            throw OutOfReach();
        }
    }

    /// <summary>At the place where the path leads.</summary>
    public static void Check(Principal who, Operation operation, Spot spot)
    {
        var rule = RuleOf(operation);
        who.Require(rule.Scope);
        if (!IsReached(who, rule, spot.Path))
        {
            throw OutOfReach();
        }

        if (rule.Writes && spot.IsPast)
        {
            throw FluxException.Denied("Snapshots can only be read; copy what you need out of them.");
        }

        if (rule.Writes && spot.Mount is { CanWrite: false } mount)
        {
            throw FluxException.Denied($"You may read the shared folder \"{mount.Name}\" but not change it; ask for the right to write.");
        }

        if (!rule.OnTop && spot.IsTop && rule.Writes)
        {
            throw FluxException.Denied(spot.Mount!.IsShared
                ? "A shared folder itself can only be changed by an administrator."
                : "That can't be done to the root folder.");
        }
    }

    private static bool IsReached(Principal who, AccessRule rule, FilePath path) =>
        path.IsWithin(who.PathPrefix) || (rule.OnWay && who.PathPrefix.IsWithin(path));

    private static FluxException OutOfReach() => FluxException.NotFound("There is nothing that this credential reaches there.");
}
