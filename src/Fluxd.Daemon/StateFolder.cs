using System.Security.Cryptography;
using Fluxd.Core;
using Fluxd.Daemon.Config;

namespace Fluxd.Daemon;

/// <summary>
/// What the daemon itself keeps, apart from the store: host keys, the self-made certificate, signing secrets, which store
/// it served. <c>[daemon] state</c>, else systemd's state directory, else beside the store.
/// </summary>
internal sealed class StateFolder
{
    private const int SecretBytes = 32;
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private StateFolder(string path) => Path = path;

    public string Path { get; }

    /// <summary>Where it is, or would be made.</summary>
    public static string PathOf(FluxdConfig config) =>
        config.Daemon.State.Length > 0 ? config.Daemon.State
        : Environment.GetEnvironmentVariable("STATE_DIRECTORY") is { Length: > 0 } systemd ? System.IO.Path.Combine(systemd.Split(':')[0], "state")
        : config.Store.Path + ".state";

    public static StateFolder Open(FluxdConfig config)
    {
        var path = PathOf(config);
        try
        {
            Directory.CreateDirectory(path, OwnerOnly);
            return new StateFolder(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FluxException(FluxError.Unavailable, $"The daemon's own folder {path} can't be made: {e.Message}. Set [daemon] state to a place that it may write.", e);
        }
    }

    /// <summary>32 random bytes that stay the same from the first call on.</summary>
    public ReadOnlyMemory<byte> Secret(string name)
    {
        var path = System.IO.Path.Combine(Path, name + ".secret");
        if (!File.Exists(path))
        {
            Write(path, RandomNumberGenerator.GetBytes(SecretBytes));
        }

        var secret = File.ReadAllBytes(path);
        return secret.Length == SecretBytes
            ? secret
            : throw new FluxException(FluxError.Corrupt, $"{path} is damaged; remove it to make a new one (who is signed in signs in again).");
    }

    private static void Write(string path, byte[] bytes)
    {
        var unfinished = path + ".new";
        using (var file = new FileStream(unfinished, new FileStreamOptions
        {
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        }))
        {
            file.Write(bytes);
            file.Flush(flushToDisk: true);
        }

        File.Move(unfinished, path, overwrite: true);
    }
}
