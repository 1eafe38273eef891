using Fluxd.Core.Feed;
using Fluxd.Store.Catalog;

namespace Fluxd.Store.Feed;

/// <summary>Answers to pushes in the catalogue.</summary>
internal sealed class PushAnswerRows(SqliteCatalog catalog, int capacity = PushAnswerRows.CapacityDefault) : IPushAnswers
{
    /// <summary>All users together: some 10 MB. Clients replay within minutes.</summary>
    public const int CapacityDefault = 20_000;

    public ValueTask<string?> FindAsync(long user, string operation, CancellationToken ct) => catalog.ReadAsync(
        reader =>
        {
            using var row = reader.Sql("SELECT answer FROM push_answer WHERE user = ?1 AND operation = ?2").Bind(user).Bind(operation);
            return row.Step() ? row.Text(0) : null;
        },
        ct);

    public Task KeepAsync(long user, IReadOnlyList<PushedAnswer> answers, CancellationToken ct) => answers.Count == 0 ? Task.CompletedTask : catalog.WriteAsync(
        transaction =>
        {
            var first = transaction.NextIds("push_answer", answers.Count);
            for (var i = 0; i < answers.Count; i++)
            {
                using var insert = transaction.Sql("INSERT INTO push_answer(id, user, operation, answer) VALUES (?1, ?2, ?3, ?4) ON CONFLICT(user, operation) DO NOTHING");
                insert.Bind(first + i).Bind(user).Bind(answers[i].Operation).Bind(answers[i].Text).Run();
            }

            using var old = transaction.Sql("DELETE FROM push_answer WHERE id < ?1").Bind(first + answers.Count - capacity);
            old.Run();
        },
        ct);
}
