using Fluxd.Core;
using Fluxd.Transports.Ssh.HostKeys;
using Xunit;

namespace Fluxd.Tests.Transports.Ssh;

[System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
public sealed class HostKeyStoreTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("fluxd-keys-");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public void Keys_are_made_once_with_safe_modes_and_found_again()
    {
        using var made = HostKeyStore.Open(_directory.FullName, compat: true);
        using var found = HostKeyStore.Open(_directory.FullName, compat: true);
        Assert.Equal(["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256"], made.Describe().Select(k => k.Type));
        Assert.Equal(made.Describe().Select(k => k.Fingerprint), found.Describe().Select(k => k.Fingerprint));
        Assert.All(_directory.GetFiles(), f => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, f.UnixFileMode));
        Assert.All(made.Describe(), k => Assert.Matches("^IN SSHFP [134] 2 [0-9a-f]{64}$", k.SshfpRecords[0]));
    }

    [Fact]
    public void A_next_key_is_announced_but_not_used()
    {
        using (HostKeyStore.Open(_directory.FullName, compat: false))
        {
            using var next = Ed25519HostKey.Create();
            var path = Path.Combine(_directory.FullName, "ssh_host_ed25519_key_next");
            File.WriteAllText(path, OpenSshKeyFile.Write(next, "next"));
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        using var store = HostKeyStore.Open(_directory.FullName, compat: false);
        Assert.Equal(2, store.Used.Count);
        Assert.False(store.Describe()[^1].InUse);
    }

    [Fact]
    public void A_damaged_or_open_key_stops_the_start_and_is_kept()
    {
        using (HostKeyStore.Open(_directory.FullName, compat: false))
        {
        }

        var path = Path.Combine(_directory.FullName, "ssh_host_ed25519_key");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);
        Assert.Equal(FluxError.Denied, Assert.Throws<FluxException>(() => HostKeyStore.Open(_directory.FullName, compat: false)).Error);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.WriteAllText(path, "nonsense");
        Assert.Equal(FluxError.Corrupt, Assert.Throws<FluxException>(() => HostKeyStore.Open(_directory.FullName, compat: false)).Error);
        Assert.Equal("nonsense", File.ReadAllText(path));
    }
}
