namespace Fluxd.Store.Upkeep.Gc;

/// <summary>Which packs one run empties.</summary>
/// <param name="Dead">Nothing in them is referred to.</param>
/// <param name="Mixed">So much is dead, or could be folded, that the rest is worth moving.</param>
/// <param name="Short">Many short ones, which become fewer.</param>
/// <param name="IsAll">False: there are more for the next run.</param>
internal sealed record PackChoice(List<PackUsage> Dead, List<PackUsage> Mixed, List<PackUsage> Short, bool IsAll)
{
    /// <param name="mayMove">Is a pack old enough for its bytes to be moved?</param>
    /// <param name="packBytes">The size of a full pack.</param>
    /// <param name="bytesMax">What is chosen is moved or folded within this, but for the last pack.</param>
    public static PackChoice Of(List<PackUsage> usages, Func<PackUsage, bool> mayMove, long packBytes, long bytesMax)
    {
        var live = usages.Where(pack => pack.LiveRows > 0 && mayMove(pack)).ToList();
        var (left, isAll) = (bytesMax, true);
        var mixed = live.Where(pack => pack.GainShare > UpkeepLimits.CompactAbove).OrderByDescending(pack => pack.GainShare).TakeWhile(Fits).ToList();
        var rest = !isAll ? [] : live.Except(mixed).Where(pack => pack.Length < packBytes / UpkeepLimits.ShortPackPart).ToList();
        var some = WorthMerging(rest).TakeWhile(Fits).ToList();
        return new PackChoice([.. usages.Where(pack => pack.LiveRows == 0)], mixed, some, isAll);

        bool Fits(PackUsage pack)
        {
            isAll &= left > 0;
            left -= isAll ? pack.LiveBytes : 0;
            return isAll;
        }
    }

    /// <summary>
    /// The smallest first, without those that are longer than all smaller ones together: so a byte is written again only
    /// into a pack at least twice as long, a few times at most until it lies in a long one.
    /// </summary>
    private static List<PackUsage> WorthMerging(IEnumerable<PackUsage> packs)
    {
        var some = packs.OrderBy(pack => pack.LiveBytes).Take(UpkeepLimits.MergeAtMost).ToList();
        while (some.Count > 1 && some[^1].LiveBytes > some.SkipLast(1).Sum(pack => pack.LiveBytes))
        {
            some.RemoveAt(some.Count - 1);
        }

        return some.Count >= UpkeepLimits.MergeAtLeast ? some : [];
    }

    /// <summary>All that are emptied: nothing is folded onto them.</summary>
    public HashSet<long> Packs => [.. Dead.Concat(Mixed).Concat(Short).Select(pack => pack.Pack)];
}
