namespace Fluxd.Testing.Disk;

/// <summary>
/// A temporary folder in memory where the machine has one with room, else an ordinary one. For tests whose disk is a
/// model and whose catalogue is a real file: real syncs would cost most of their time and prove nothing there.
/// </summary>
internal static class QuickFolder
{
    private const string Memory = "/dev/shm";

    /// <summary>Containers often get 64 MiB: that is shared, and too little.</summary>
    private const long BytesNeeded = 512L << 20;

    internal static DirectoryInfo Create(string prefix) => HasMemory()
        ? Directory.CreateDirectory(Path.Combine(Memory, prefix + Guid.NewGuid().ToString("n")))
        : Directory.CreateTempSubdirectory(prefix);

    private static bool HasMemory()
    {
        try
        {
            if (!Directory.Exists(Memory) || new DriveInfo(Memory).AvailableFreeSpace < BytesNeeded)
            {
                return false;
            }

            var probe = Path.Combine(Memory, "fluxd-probe-" + Guid.NewGuid().ToString("n"));
            File.WriteAllText(probe, "");
            File.Delete(probe);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
