using Fluxd.Core.Files;

namespace Fluxd.Core.Transfers;

public sealed record TransferEvent(FileTime At, string What);

/// <summary>What <c>fluxctl why ID</c> shows.</summary>
public sealed record TransferReport(
    string Id, string Frontend, string UserName, string Peer, string Kind, FileTime StartedAt, FileTime? EndedAt,
    long BytesAccepted, long BytesDurable, string? Outcome, IReadOnlyList<TransferEvent> Events);

/// <summary>
/// The timeline of one transfer: its id appears in logs, errors and spans. Thread-safe; notes beyond a bound are
/// counted, not kept. Holds no path and no file name.
/// </summary>
public interface ITransfer : IDisposable
{
    string Id { get; }

    void Accepted(long bytes);

    void Durable(long bytes);

    /// <summary>A few words: "limiter: requests", "disk: waited 120 ms", "client closed".</summary>
    void Note(string what);

    /// <summary>How it ended; the first word counts.</summary>
    void End(string outcome);
}

public static class TransferTimes
{
    /// <summary>Notes how long the disk took for something; shorter ones are no answer to "why".</summary>
    private static readonly TimeSpan s_worthANote = TimeSpan.FromSeconds(1);

    /// <summary>What was acknowledged is durable, and so long the disk took: always noted.</summary>
    public static void Durable(this ITransfer transfer, long bytes, TimeSpan disk)
    {
        transfer.Durable(bytes);
        transfer.Note(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"disk: {bytes} bytes durable after {disk.TotalMilliseconds:0} ms"));
    }

    /// <summary>The transfer stood still for the disk; noted where it was long.</summary>
    public static void Waited(this ITransfer transfer, string what, TimeSpan disk)
    {
        if (disk >= s_worthANote)
        {
            transfer.Note(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"disk: {what} took {disk.TotalMilliseconds:0} ms"));
        }
    }
}

public interface ITransfers
{
    /// <param name="id">A known id to go on with (a resumed upload), or null for a new one.</param>
    ITransfer Begin(string frontend, string userName, string peer, string kind, string? id = null);

    TransferReport? Find(string id);

    IReadOnlyList<TransferReport> Recent(int count);
}
