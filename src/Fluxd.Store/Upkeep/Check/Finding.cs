namespace Fluxd.Store.Upkeep.Check;

internal enum FindingKind
{
    PackMissing,
    PackShort,
    PackUnknown,
    ChunkMisplaced,
    ChunkDamaged,
    ContentBroken,
    VersionBroken,
    NodeBroken,
    UsageWrong,
    CatalogDamaged,
}

/// <param name="Paths">Files that are hit, as "tree:path"; empty where the finding is about no file.</param>
internal sealed record Finding(FindingKind Kind, string What, IReadOnlyList<string> Paths)
{
    /// <summary>Does it mean that bytes of a file can't be read? Strays and wrong sums don't.</summary>
    public bool IsDamage => Kind is not (FindingKind.PackUnknown or FindingKind.UsageWrong);
}

internal sealed record CheckReport(IReadOnlyList<Finding> Findings, int More, long Chunks, long BytesRead)
{
    public bool IsClean => Findings.Count == 0;

    public bool HasDamage => Findings.Any(finding => finding.IsDamage);
}
