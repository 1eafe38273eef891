using Fluxd.Core.Transfers;

namespace Fluxd.Transports.Http;

/// <summary>One request's part of a transfer, which may be one of several. Thread-safe.</summary>
internal sealed class CountedTransfer(ITransfer inner, string kind) : ITransfer
{
    private long _moved;

    public string Id => inner.Id;

    /// <summary>Bytes of files that this request brought or took.</summary>
    public long Moved => Interlocked.Read(ref _moved);

    public bool IsSending => kind is "download" or "archive";

    public void Accepted(long bytes)
    {
        Interlocked.Add(ref _moved, bytes);
        inner.Accepted(bytes);
    }

    public void Durable(long bytes) => inner.Durable(bytes);

    public void Note(string what) => inner.Note(what);

    public void End(string outcome) => inner.End(outcome);

    public void Dispose() => inner.Dispose();
}
