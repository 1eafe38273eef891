namespace Fluxd.Store.Upkeep.Check;

internal enum FindingKind
{
    PackMissing,
    PackShort,
    PackUnknown,

    /// <summary>A record of commits can't be read: files are whole, a catalogue that must be rebuilt from before it would not be.</summary>
    RecordDamaged,
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
    /// <summary>Are bytes damaged? Strays and wrong sums are only noted.</summary>
    public bool IsDamage => Kind is not (FindingKind.PackUnknown or FindingKind.UsageWrong);
}

internal sealed record CheckReport(IReadOnlyList<Finding> Findings, int More, long Chunks, long BytesRead)
{
    public bool IsClean => Findings.Count == 0;

    public bool HasDamage => Findings.Any(finding => finding.IsDamage);
}
