using Fluxd.Core;
using Fluxd.Core.Files;

namespace Fluxd.Transports.Client;

public enum MirrorAction
{
    MakeFolder,
    Copy,
    Remove,
}

/// <param name="Name">Relative to both roots, with '/' between.</param>
public sealed record MirrorStep(MirrorAction Action, string Name, long Size, bool IsFolder);

/// <summary>A side of a mirror as a flat list: relative name to what is there.</summary>
public sealed record MirrorItem(string Name, bool IsFolder, long Size, DateTimeOffset ModifiedAt);

/// <summary>One-way mirror: pure planning, so that it can be shown before it is done.</summary>
public static class Mirror
{
    /// <summary>What makes <paramref name="to"/> like <paramref name="from"/>. Removals come last, deepest first.</summary>
    public static IReadOnlyList<MirrorStep> Plan(IReadOnlyCollection<MirrorItem> from, IReadOnlyCollection<MirrorItem> to, bool remove)
    {
        var there = to.ToDictionary(item => item.Name, StringComparer.Ordinal);
        var steps = new List<MirrorStep>();
        foreach (var item in from.OrderBy(i => i.Name, StringComparer.Ordinal))
        {
            there.Remove(item.Name, out var old);
            if (old is not null && old.IsFolder != item.IsFolder)
            {
                throw FluxException.Conflict($"\"{item.Name}\" is a file on one side and a folder on the other; move one of them away.");
            }

            if (item.IsFolder ? old is null : old is null || IsDifferent(item, old))
            {
                steps.Add(new MirrorStep(item.IsFolder ? MirrorAction.MakeFolder : MirrorAction.Copy, item.Name, item.Size, item.IsFolder));
            }
        }

        if (remove)
        {
            steps.AddRange(there.Values.OrderByDescending(i => i.Name, StringComparer.Ordinal).Select(i => new MirrorStep(MirrorAction.Remove, i.Name, i.Size, i.IsFolder)));
        }

        return steps;
    }

    /// <summary>Whole seconds: what every file system and protocol on the way can keep.</summary>
    private static bool IsDifferent(MirrorItem one, MirrorItem other) =>
        one.Size != other.Size || one.ModifiedAt.ToUnixTimeSeconds() != other.ModifiedAt.ToUnixTimeSeconds();

    /// <summary>
    /// The brake: an emptied or unmounted source looks like a wish to delete everything. Throws unless the removals
    /// are few, or <paramref name="force"/> says that they are meant.
    /// </summary>
    public static void CheckRemovals(IReadOnlyList<MirrorStep> steps, int thereCount, bool force)
    {
        var removals = steps.Count(s => s.Action == MirrorAction.Remove);
        var tooMany = removals > ClientLimits.RemovalsMax || (removals > ClientLimits.RemovalsFree && removals > thereCount * ClientLimits.RemovalsShareMax);
        if (tooMany && !force)
        {
            throw new FluxException(FluxError.Denied, $"This would remove {removals} of {thereCount} entries, so nothing was done. Look whether the source is the right one; --force does it.");
        }
    }

    public static async Task<List<MirrorItem>> ReadRemoteAsync(ILink link, FilePath root, CancellationToken ct)
    {
        var items = new List<MirrorItem>();
        var folders = new Stack<FilePath>([root]);
        while (folders.TryPop(out var folder))
        {
            await foreach (var entry in link.ListAsync(folder, ct))
            {
                if (entry.Kind == NodeKind.Symlink)
                {
                    continue;
                }

                items.Add(new MirrorItem(Relative(root, entry.Path), entry.Kind == NodeKind.Folder, entry.Size, entry.ModifiedAt));
                if (entry.Kind == NodeKind.Folder)
                {
                    folders.Push(entry.Path);
                }
            }
        }

        return items;
    }

    private static string Relative(FilePath root, FilePath path) => string.Join('/', path.Names.Skip(root.Names.Length).Select(n => n.ToString()));

    /// <summary>Regular files and folders; links and devices are left alone.</summary>
    public static List<MirrorItem> ReadLocal(string root)
    {
        var items = new List<MirrorItem>();
        var options = new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint | FileAttributes.Device };
        foreach (var info in new DirectoryInfo(root).EnumerateFileSystemInfos("*", options))
        {
            var name = Path.GetRelativePath(root, info.FullName).Replace(Path.DirectorySeparatorChar, '/');
            if (!name.EndsWith(".fluxd-part", StringComparison.Ordinal) && !name.EndsWith(".fluxd-part.txt", StringComparison.Ordinal))
            {
                items.Add(new MirrorItem(name, info is DirectoryInfo, info is FileInfo file ? file.Length : 0, info.LastWriteTimeUtc));
            }
        }

        return items;
    }
}
