using Fluxd.Core.Accounts;
using Fluxd.Core.Files;

namespace Fluxd.Core.Feed;

public enum ChangeKind
{
    Put = 1,
    MakeFolder = 2,
    Move = 3,
    Remove = 4,
    SetAttributes = 5,
    MakeSymlink = 6,
}

/// <summary>One committed change as the principal may see it; <see cref="Sequence"/> is the cursor after it.</summary>
public sealed record Change
{
    public required long Sequence { get; init; }

    public required ChangeKind Kind { get; init; }

    public required FilePath Path { get; init; }

    /// <summary>Where it was, for a move.</summary>
    public FilePath? From { get; init; }

    public required long NodeId { get; init; }

    public required NodeKind NodeKind { get; init; }

    public long Version { get; init; }

    public long Size { get; init; }

    public ReadOnlyMemory<byte> ContentTag { get; init; }

    public FileTime ModifiedAt { get; init; }

    public FileTime At { get; init; }

    public string Author { get; init; } = "";
}

/// <param name="Next">The cursor to go on from; equals the asked one when there is nothing new.</param>
/// <param name="HasMore">Another page is there now.</param>
public sealed record ChangePage(IReadOnlyList<Change> Changes, long Next, bool HasMore);

/// <summary>
/// Every committed change, appended in the transaction that made it: none is missed or invented. Cursors survive
/// restarts and need no sticky sessions.
/// </summary>
public interface IChangeFeed
{
    /// <summary>The newest cursor.</summary>
    long Head { get; }

    /// <exception cref="FluxException">Gone when the cursor is older than the log is kept: the client lists anew.</exception>
    ValueTask<ChangePage> ReadAsync(Principal who, long cursor, int count, CancellationToken ct);

    /// <summary>Returns when the head is beyond <paramref name="cursor"/>; wakes many waiters without one thread each.</summary>
    Task WaitAsync(long cursor, CancellationToken ct);
}
