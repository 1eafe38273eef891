using System.Security.Cryptography;
using Fluxd.Core.Files;
using Fluxd.Store.Catalog;
using Fluxd.Store.Content;

namespace Fluxd.Store.Files;

/// <summary>Whole-file digests: those that an upload or a reader computed once, and SHA-256 of files of one chunk. They belong to the content, so every copy has them.</summary>
internal static class Digests
{
    public static ContentDigest? Find(CatalogReader db, long content, DigestAlgorithm algorithm) =>
        FindKept(db, content, algorithm) ?? (algorithm == DigestAlgorithm.Sha256 ? OfOneChunk(db, content) : null);

    /// <summary>A content of one chunk has the chunk's name: most files of most trees need no pass at all.</summary>
    private static ContentDigest? OfOneChunk(CatalogReader db, long content)
    {
        using var row = db.Sql("SELECT recipe, inline FROM content WHERE id = ?1 AND complete = 1").Bind(content);
        if (!row.Step())
        {
            return null;
        }

        if (!row.IsNull(1))
        {
            return new ContentDigest(DigestAlgorithm.Sha256, SHA256.HashData(row.Span(1)));
        }

        return !row.IsNull(0) && Recipe.Decode(row.Span(0)) is [{ Count: 1 } only] && ChunkPlan.Find(db, only.First) is { } chunk
            ? new ContentDigest(DigestAlgorithm.Sha256, chunk.Hash.ToArray())
            : null;
    }

    private static ContentDigest? FindKept(CatalogReader db, long content, DigestAlgorithm algorithm)
    {
        using var row = db.Sql("SELECT value FROM digest WHERE content = ?1 AND algorithm = ?2").Bind(content).Bind((long)algorithm);
        return row.Step() ? new ContentDigest(algorithm, row.Bytes(0)) : null;
    }

    public static void Keep(CatalogTransaction db, long content, ContentDigest digest)
    {
        using var insert = db.Sql("INSERT OR IGNORE INTO digest(content, algorithm, value) VALUES (?1, ?2, ?3)")
            .Bind(content).Bind((long)digest.Algorithm).Bind(digest.Value);
        insert.Run();
    }
}
