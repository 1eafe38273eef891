using Fluxd.Core;
using Fluxd.Core.Files;

namespace Fluxd.Store.Files;

/// <summary>Where a path leads: a node, or a place in a folder where none is yet.</summary>
internal sealed record Spot
{
    /// <summary>The way with all links resolved, as the principal names it.</summary>
    public required FilePath Path { get; init; }

    /// <summary>Null for <c>/.snapshots</c> itself.</summary>
    public required Mount? Mount { get; init; }

    /// <summary>Null: nothing is there, or it is <c>/.snapshots</c>.</summary>
    public NodeRow? Node { get; init; }

    /// <summary>The folder it is in, also when nothing is there.</summary>
    public long Parent { get; init; }

    /// <summary>How deep below the mount's top: 0 is the top itself.</summary>
    public int Depth { get; init; }

    /// <summary>Set in <c>/.snapshots/TIME/…</c>.</summary>
    public long? AsOf { get; init; }

    public bool IsSnapshotList => Mount is null;

    public bool IsPast => AsOf is not null || IsSnapshotList;

    /// <summary>The top of the home or of a shared folder.</summary>
    public bool IsTop => !IsSnapshotList && Depth == 0;

    public bool Exists => Node is not null || IsSnapshotList;

    public NodeRow Require() => Node ?? throw Missing();

    public NodeRow RequireFolder() => Require() is { IsFolder: true } folder ? folder : throw NotFolder(Path.Name);

    public FluxException Missing() => FluxException.NotFound(Path.IsRoot ? "There is nothing here." : $"There is no \"{Path.Name}\" there.");

    public static FluxException NotFolder(FileName name) => new(FluxError.NotFolder, $"\"{name}\" is not a folder.");
}
