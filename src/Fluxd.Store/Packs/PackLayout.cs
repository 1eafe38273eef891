using System.Globalization;

namespace Fluxd.Store.Packs;

/// <summary>Names and alignment of packs (docs/store-format.md).</summary>
internal static class PackLayout
{
    public const string Folder = "packs";

    /// <summary>Trailers and footers begin on this boundary: it is where a reader looks for them after damage.</summary>
    public const int Alignment = 4096;

    private const string Extension = ".pack";

    public static long Align(long offset) => (offset + Alignment - 1) & -Alignment;

    /// <summary>packs/LL/16 hex digits.pack, where LL is the id's last byte: consecutive packs go to different folders.</summary>
    public static string PathOf(long pack) =>
        string.Create(CultureInfo.InvariantCulture, $"{FolderOf(pack)}/{pack:x16}{Extension}");

    public static string FolderOf(long pack) => FolderAt((int)(pack & 0xFF));

    public static string FolderAt(int index) => string.Create(CultureInfo.InvariantCulture, $"{Folder}/{index:x2}");

    public static bool TryParse(ReadOnlySpan<char> name, out long pack)
    {
        pack = 0;
        return name.Length == 16 + Extension.Length && name.EndsWith(Extension, StringComparison.Ordinal)
            && long.TryParse(name[..16], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out pack) && pack > 0;
    }
}
