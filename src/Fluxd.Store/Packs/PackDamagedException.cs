namespace Fluxd.Store.Packs;

/// <summary>Bytes of a pack are missing or aren't what was written. For the log and for the code that turns it into an
/// answer; it names the place exactly and never reaches a client.</summary>
internal sealed class PackDamagedException(long pack, long offset, string what)
    : IOException($"Pack {pack:x16} is damaged at offset {offset}: {what}.")
{
    public long Pack => pack;

    public long Offset => offset;
}
