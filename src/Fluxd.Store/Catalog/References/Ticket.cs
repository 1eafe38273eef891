namespace Fluxd.Store.Catalog.References;

/// <summary>
/// What somebody holds between two transactions. A <em>wide</em> ticket holds everything that could be found when it
/// was taken: take it before the look, and give it up (<see cref="Narrow"/>) when what was found is named by
/// <see cref="Keep"/>. A ticket that only names holds just that, for as long as it likes. Thread-safe; give it back by
/// disposing it. One that is lost costs space until the next start, never a byte.
/// </summary>
internal sealed class Ticket : IDisposable
{
    private readonly ContentHolds _holds;

    internal Ticket(ContentHolds holds) => _holds = holds;

    /// <summary>Guarded by the registry, like everything here.</summary>
    internal LinkedListNode<long>? Wide { get; set; }

    internal HashSet<long> Kept { get; } = [];

    internal bool IsReturned { get; set; }

    /// <summary>
    /// Holds this content. Valid where it can't have been removed meanwhile: under a wide ticket that is older than the
    /// look that found it, while somebody else holds it, or inside the write that made or found it.
    /// </summary>
    public void Keep(long content) => _holds.Keep(this, content);

    /// <summary>Lets go of all contents but this one (0: of all).</summary>
    public void KeepOnly(long content) => _holds.KeepOnly(this, content);

    /// <summary>From now on only what was named is held.</summary>
    public void Narrow() => _holds.Narrow(this);

    public void Dispose() => _holds.Return(this);
}
