namespace Fluxd.Store.Disk;

/// <summary>From the runtime's exceptions and errno to the few faults that the store branches on.</summary>
internal static class LocalFaults
{
    // Numbers that Linux and macOS share, but for two.
    private const int Eperm = 1, Enoent = 2, Eacces = 13, Eexist = 17, Enospc = 28, Erofs = 30;
    private static readonly int s_edquot = OperatingSystem.IsLinux() ? 122 : 69;
    private static readonly int s_ewouldblock = OperatingSystem.IsLinux() ? 11 : 35;

    internal static bool IsDiskFault(Exception e) => e is (IOException or UnauthorizedAccessException) and not DiskException;

    internal static DiskException Of(string operation, string path, Exception e) => new(e switch
    {
        FileNotFoundException or DirectoryNotFoundException => DiskFault.Missing,
        UnauthorizedAccessException => DiskFault.ReadOnly,
        _ => Of(e.HResult), // the runtime keeps errno here
    }, operation, path, e.Message, e);

    internal static DiskFault Of(int errno) => errno switch
    {
        Enospc => DiskFault.Full,
        Enoent => DiskFault.Missing,
        Eexist => DiskFault.Exists,
        Erofs or Eacces or Eperm => DiskFault.ReadOnly,
        _ when errno == s_edquot => DiskFault.Full,
        _ when errno == s_ewouldblock => DiskFault.Locked,
        _ => DiskFault.Failed,
    };

    internal static T Guard<T>(string operation, string path, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception e) when (IsDiskFault(e))
        {
            throw Of(operation, path, e);
        }
    }

    internal static void Guard(string operation, string path, Action action) => Guard(operation, path, () =>
    {
        action();
        return true;
    });
}
