using System.Diagnostics.CodeAnalysis;
using Fluxd.Store.Catalog.Sqlite;

namespace Fluxd.Store.Catalog;

/// <summary>Work of the committer's thread outside any transaction.</summary>
internal enum Chore
{
    None,

    /// <summary>The packs that are open are closed, and new ones are begun.</summary>
    SealPacks,

    /// <summary>All of the write-ahead log is copied back into the catalogue's file and synced; not done while a reader is in the way.</summary>
    Checkpoint,
}

/// <summary>One queued write: the work, and the caller who waits for it.</summary>
internal abstract class CatalogWrite
{
    /// <summary>Somebody waits for durability now: the group ends after the writes that are there.</summary>
    internal bool IsUrgent { get; init; } = true;

    /// <summary>It moves chunks: its group holds nothing else, and the log carries chunk rows too.</summary>
    internal bool MovesChunks { get; init; }

    /// <summary>What is to be done when its group is committed, before its caller hears.</summary>
    internal Chore Chore { get; init; }

    internal bool IsChoreDone { get; set; }

    internal CancellationToken Cancellation { get; init; }

    /// <summary>What the work threw; null while it has not.</summary>
    internal abstract Exception? Failure { get; }

    /// <summary>Runs the work; false when it threw (kept for <see cref="Settle"/>).</summary>
    internal abstract bool Run(CatalogTransaction transaction);

    /// <summary>Tells the caller: durable, or failed with the work's own exception.</summary>
    internal abstract void Settle();

    /// <summary>Tells the caller that it did not happen.</summary>
    internal abstract void Fail(Exception exception);

    internal abstract void Cancel();
}

internal sealed class CatalogWrite<T>(Func<CatalogTransaction, T> work) : CatalogWrite
{
    // The callers go on elsewhere: this thread belongs to the committer.
    private readonly TaskCompletionSource<T> _caller = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private T? _result;
    private Exception? _failure;

    internal override Exception? Failure => _failure;

    internal Task<T> Task => _caller.Task;

    [SuppressMessage("Design", "CA1031:Do not catch general exception types", Justification = "It belongs to the caller, who gets it.")]
    internal override bool Run(CatalogTransaction transaction)
    {
        try
        {
            _result = work(transaction);
            return true;
        }
        catch (Exception e)
        {
            _failure = e;
            return false;
        }
    }

    internal override void Settle()
    {
        if (_failure is null)
        {
            _caller.TrySetResult(_result!);
        }
        else
        {
            _caller.TrySetException(_failure);
        }
    }

    // A full disk is told in the group's words, whoever of the group met it.
    internal override void Fail(Exception exception) => _caller.TrySetException(_failure is null or SqlException { IsDiskFull: true } ? exception : _failure);

    internal override void Cancel() => _caller.TrySetCanceled(Cancellation);
}
