using Fluxd.Core.Files;

namespace Fluxd.Transports.Sftp;

/// <summary>
/// Clients may send a request before the answer to the one before it. A change must then be seen by what follows on
/// the same name, on a folder above it or below it; changes of unrelated files share their commit instead of queueing.
/// Used by the receive loop alone.
/// </summary>
internal sealed class SftpPathOrder
{
    private readonly List<(Task Task, FilePath Path)> _changes = [];

    public void Add(Task task, FilePath path, FilePath? second = null)
    {
        if (task.IsCompleted)
        {
            return;
        }

        _changes.Add((task, path));
        if (second is not null)
        {
            _changes.Add((task, second));
        }
    }

    /// <summary>Done when no earlier change touches what an operation on <paramref name="path"/> can see.</summary>
    public Task Before(FilePath path)
    {
        if (_changes.Count == 0)
        {
            return Task.CompletedTask;
        }

        _changes.RemoveAll(change => change.Task.IsCompleted);
        var wait = _changes.Where(change => change.Path.IsWithin(path) || path.IsWithin(change.Path)).Select(change => change.Task).Distinct().ToList();
        return wait.Count == 0 ? Task.CompletedTask : Task.WhenAll(wait);
    }
}
