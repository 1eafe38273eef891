using System.Diagnostics;
using Fluxd.Core;
using Fluxd.Store.Disk;
using Xunit;

namespace Fluxd.Testing.Disk;

/// <summary>
/// A small file system of its own, in memory, that is full when it is full: for the writes of those who don't ask an
/// <see cref="IDisk"/>, as SQLite. Mounting takes root.
/// </summary>
internal sealed class SmallDisk : IDisposable
{
    private const string Filler = "filler";

    private static readonly Lazy<string?> s_whyNot = new(Try);

    private readonly LocalDisk _disk;

    internal SmallDisk(int megabytes)
    {
        Path = Directory.CreateTempSubdirectory("fluxd-small-").FullName;
        try
        {
            Run("mount", "-t", "tmpfs", "-o", $"size={megabytes}m,mode=700", "tmpfs", Path);
        }
        catch
        {
            Directory.Delete(Path);
            throw;
        }

        _disk = new LocalDisk(Path);
    }

    /// <summary>Why there can be none here; null where there can.</summary>
    internal static string? WhyNot => s_whyNot.Value;

    internal string Path { get; }

    internal long Free => DiskSpace.Of(Path).Free;

    /// <summary>Somebody else takes all that is free.</summary>
    internal void Fill()
    {
        // Others take room at the same time: what is not there any more can't be had.
        while (Free is > 0 and var free)
        {
            try
            {
                using var file = _disk.Open(Filler, _disk.Exists(Filler) ? DiskMode.Write : DiskMode.CreateNew);
                file.Allocate(file.Length + free);
            }
            catch (DiskException e) when (e.Fault == DiskFault.Full)
            {
                // It's gone: another look.
            }
        }
    }

    /// <summary>And gives it back.</summary>
    internal void MakeRoom()
    {
        if (_disk.Exists(Filler))
        {
            _disk.Remove(Filler);
        }
    }

    /// <summary>As it was when it was made.</summary>
    internal void Clear()
    {
        foreach (var entry in new DirectoryInfo(Path).EnumerateFileSystemInfos())
        {
            if (entry is DirectoryInfo folder)
            {
                folder.Delete(recursive: true);
            }
            else
            {
                entry.Delete();
            }
        }
    }

    public void Dispose()
    {
        // Whatever a failed test left open goes with its process.
        Run("umount", "--lazy", Path);
        Directory.Delete(Path);
    }

    private static string? Try()
    {
        if (!OperatingSystem.IsLinux() || Environment.UserName != "root")
        {
            return "mounting a small disk needs Linux and root";
        }

        try
        {
            new SmallDisk(1).Dispose();
            return null;
        }
        catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            return $"a small disk can't be mounted here: {e.Message}";
        }
    }

    private static void Run(string tool, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(tool, arguments) { RedirectStandardError = true })!;
        var said = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{tool}: {said.Trim()}");
        }
    }
}

/// <summary>A test on a <see cref="SmallDisk"/>.</summary>
internal sealed class SmallDiskFactAttribute : FactAttribute
{
    public SmallDiskFactAttribute() => Skip = SmallDisk.WhyNot;
}
