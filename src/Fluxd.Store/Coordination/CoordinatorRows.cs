using Fluxd.Core.Files;
using Fluxd.Store.Accounts;
using Fluxd.Store.Catalog;

namespace Fluxd.Store.Coordination;

/// <summary>The coordinator's memory in the catalogue.</summary>
internal sealed class CoordinatorRows(SqliteCatalog catalog, AccountJournal journal, TimeProvider clock) : ICoordinatorMemory
{
    /// <summary>No kept limiter has a longer window.</summary>
    private static readonly TimeSpan TakesKept = TimeSpan.FromDays(1);

    public ValueTask<IReadOnlyList<TrustedPair>> LoadPairsAsync(CancellationToken ct)
    {
        var oldest = clock.GetUtcNow() - CoordinatorRules.TrustFor;
        return catalog.ReadAsync<IReadOnlyList<TrustedPair>>(
            reader =>
            {
                var pairs = new List<TrustedPair>();
                using var rows = reader.Sql("SELECT network, account, at FROM trusted_pair WHERE at >= ?1 ORDER BY at DESC LIMIT ?2");
                rows.Bind(FileTime.From(oldest).Nanoseconds).Bind(CoordinatorRules.KeysMax);
                while (rows.Step())
                {
                    pairs.Add(new TrustedPair(rows.Text(0), rows.Text(1), new FileTime(rows.Long(2)).ToDateTimeOffset()));
                }

                return pairs;
            },
            ct);
    }

    public ValueTask<IReadOnlyList<KeptTake>> LoadTakesAsync(CancellationToken ct)
    {
        var oldest = clock.GetUtcNow() - TakesKept;
        return catalog.ReadAsync<IReadOnlyList<KeptTake>>(
            reader =>
            {
                var takes = new List<KeptTake>();
                using var rows = reader.Sql("SELECT limiter, key, count, at FROM limiter_take WHERE at >= ?1 ORDER BY at DESC LIMIT ?2");
                rows.Bind(FileTime.From(oldest).Nanoseconds).Bind(CoordinatorRules.KeysMax);
                while (rows.Step())
                {
                    takes.Add(new KeptTake(rows.Text(0), rows.Text(1), rows.Int(2), new FileTime(rows.Long(3)).ToDateTimeOffset()));
                }

                return takes;
            },
            ct);
    }

    public Task KeepAsync(KeptTake take, CancellationToken ct) => catalog.WriteAsync(
        transaction =>
        {
            var at = FileTime.From(take.At);
            using (var old = transaction.Sql("DELETE FROM limiter_take WHERE at < ?1").Bind(FileTime.From(take.At - TakesKept).Nanoseconds))
            {
                old.Run();
            }

            using var insert = transaction.Sql("INSERT INTO limiter_take(id, limiter, key, count, at) VALUES (?1, ?2, ?3, ?4, ?5)");
            insert.Bind(transaction.NextId("limiter_take")).Bind(take.Limiter).Bind(take.Key).Bind(take.Count).Bind(at.Nanoseconds).Run();
        },
        ct);

    public void Keep(TrustedPair pair) => journal.Keep(pair);

    public static void Add(CatalogTransaction transaction, TrustedPair pair)
    {
        using (var old = transaction.Sql("DELETE FROM trusted_pair WHERE at < ?1").Bind(FileTime.From(pair.At - CoordinatorRules.TrustFor).Nanoseconds))
        {
            old.Run();
        }

        using var insert = transaction.Sql(
            "INSERT INTO trusted_pair(network, account, at) VALUES (?1, ?2, ?3) ON CONFLICT(network, account) DO UPDATE SET at = excluded.at");
        insert.Bind(pair.Network).Bind(pair.Account).Bind(FileTime.From(pair.At).Nanoseconds).Run();
    }
}
