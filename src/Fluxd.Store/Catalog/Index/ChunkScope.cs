namespace Fluxd.Store.Catalog.Index;

/// <summary>
/// Whose chunks a writer finds instead of writing its own: those of the tree that it writes into and of its own home.
/// What others have is written again, so that neither time nor bytes tell that it is there; compaction folds it later.
/// </summary>
/// <param name="Root">The top of the tree: what is new belongs to it.</param>
/// <param name="Home">The top of the writer's home.</param>
internal sealed record ChunkScope(long Root, long Home)
{
    /// <summary>Bytes of the store's own making, which belong to no tree.</summary>
    internal static readonly ChunkScope House = new(0, 0);

    /// <summary>False for a credential that may not read: then the time of its writes must tell nothing of what is there.</summary>
    internal bool Finds { get; init; } = true;

    internal IdSet Tree => IdSet.OfTree(Root);

    /// <summary>The smallest id not below <paramref name="id"/> that the writer may find.</summary>
    internal long? Next(CatalogReader db, long id)
    {
        if (!Finds)
        {
            return null;
        }

        var tree = Tree.Next(db, id);
        if (tree == id || Home == Root)
        {
            return tree;
        }

        return IdSet.OfTree(Home).Next(db, id) is { } home && !(tree < home) ? home : tree;
    }
}
