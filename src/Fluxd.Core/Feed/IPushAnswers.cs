namespace Fluxd.Core.Feed;

/// <param name="Operation">The id that the client gave it.</param>
/// <param name="Text">As the frontend writes it.</param>
public sealed record PushedAnswer(string Operation, string Text);

/// <summary>
/// What recent pushes were answered, so that a replay is answered and not done again, also after a restart. Bounded: the
/// oldest go first; then the state itself answers (what is done can't be done twice). Thread-safe.
/// </summary>
public interface IPushAnswers
{
    ValueTask<string?> FindAsync(long user, string operation, CancellationToken ct);

    /// <summary>Durable when it returns. An answer that is there already stays.</summary>
    Task KeepAsync(long user, IReadOnlyList<PushedAnswer> answers, CancellationToken ct);
}
