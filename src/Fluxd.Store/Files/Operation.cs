using Fluxd.Core.Accounts;

namespace Fluxd.Store.Files;

/// <summary>Everything that can be done to a path. Each has one rule in <see cref="Access"/>.</summary>
internal enum Operation
{
    Stat,
    List,
    Search,
    Read,
    ReadLink,
    Resolve,
    Space,
    CopyFrom,
    ListVersions,
    Write,
    Create,
    MakeFolder,
    MakeSymlink,
    RemoveFile,
    RemoveFolder,
    RenameFrom,
    RenameTo,
    CopyTo,
    SetAttributes,
    RememberDigest,
    RestoreVersion,
    Upload,
}

/// <param name="Scope">What the credential must allow.</param>
/// <param name="Writes">Needs the right to write in that tree, and is refused in the past.</param>
/// <param name="OnTop">Makes sense on the top of a home or shared folder itself.</param>
/// <param name="OnWay">Also allowed on the folders that lead to the credential's path prefix.</param>
internal sealed record AccessRule(Scopes Scope, bool Writes, bool OnTop, bool OnWay);
