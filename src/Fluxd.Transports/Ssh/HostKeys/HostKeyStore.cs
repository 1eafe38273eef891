using System.Text;

namespace Fluxd.Transports.Ssh.HostKeys;

/// <summary>
/// The host keys of one directory: <c>ssh_host_&lt;type&gt;_key</c> is used and made when it is missing;
/// <c>ssh_host_&lt;type&gt;_key_next</c>, where an admin puts one, is only announced and proved (hostkeys-00@openssh.com),
/// so that clients know it before it takes the other's place.
/// </summary>
public sealed class HostKeyStore : IDisposable
{
    private static readonly (string Type, Func<HostKey> Create, bool CompatOnly)[] Types =
    [
        ("ed25519", Ed25519HostKey.Create, false),
        ("rsa", RsaHostKey.Create, false),
        ("ecdsa", EcdsaHostKey.Create, true),
    ];

    private readonly List<HostKey> _used = [];
    private readonly List<HostKey> _next = [];

    private HostKeyStore()
    {
    }

    internal IReadOnlyList<HostKey> Used => _used;

    internal IReadOnlyList<HostKey> Next => _next;

    /// <summary>Throws <see cref="Core.FluxException"/> in words for the admin when a key is there and can't be used: it is never replaced.</summary>
    public static HostKeyStore Open(string directory, bool compat)
    {
        MakeDirectory(directory);
        var store = new HostKeyStore();
        foreach (var (type, create, compatOnly) in Types)
        {
            if (compatOnly && !compat)
            {
                continue;
            }

            var path = Path.Combine(directory, $"ssh_host_{type}_key");
            store._used.Add(File.Exists(path) ? Load(path) : Make(path, create()));
            if (File.Exists(path + "_next"))
            {
                store._next.Add(Load(path + "_next"));
            }
        }

        return store;
    }

    public IReadOnlyList<HostKeyText> Describe() =>
        [.. _used.Select(k => HostKeyText.Of(k, inUse: true)), .. _next.Select(k => HostKeyText.Of(k, inUse: false))];

    public void Dispose()
    {
        foreach (var key in _used.Concat(_next))
        {
            key.Dispose();
        }
    }

    private static void MakeDirectory(string directory)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(directory);
        }
        else
        {
            Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    private static HostKey Load(string path)
    {
        var name = Path.GetFileName(path);
        try
        {
            if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & (UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite)) != 0)
            {
                throw new Core.FluxException(Core.FluxError.Denied, $"The host key {name} can be read by others; run chmod 600 on it.");
            }

            return OpenSshKeyFile.Read(File.ReadAllText(path));
        }
        catch (FormatException e)
        {
            throw new Core.FluxException(Core.FluxError.Corrupt, $"The host key {name} can't be used: {e.Message}. Restore it from a backup, or remove it to have a new one made (clients will then warn).", e);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new Core.FluxException(Core.FluxError.Denied, $"The host key {name} can't be read; give it to the daemon's user.", e);
        }
    }

    /// <summary>Temporary file, sync, rename: a crash leaves no half key.</summary>
    private static HostKey Make(string path, HostKey key)
    {
        var temporary = path + ".tmp";
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        using (var file = new FileStream(temporary, options))
        {
            file.Write(Encoding.ASCII.GetBytes(OpenSshKeyFile.Write(key, "fluxd")));
            file.Flush(flushToDisk: true);
        }

        File.Move(temporary, path, overwrite: false);
        return key;
    }
}
