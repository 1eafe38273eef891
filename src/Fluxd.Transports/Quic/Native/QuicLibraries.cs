using System.Runtime.InteropServices;
using System.Runtime.Loader;

namespace Fluxd.Transports.Quic.Native;

/// <param name="Version">Of libngtcp2, empty when it is not there.</param>
/// <param name="Message">One plain line for the log and for <c>fluxctl doctor</c>: what is there or what to install.</param>
public sealed record QuicLibraryState(bool IsAvailable, string Version, string Message);

/// <summary>Looks once whether this machine has libngtcp2 ≥ 1.11 with its GnuTLS half. Never throws.</summary>
public static class QuicLibraries
{
    private const string Advice =
        "QUIC and HTTP/3 are off: install the libraries with \"apt-get install libngtcp2-16 libngtcp2-crypto-gnutls8\" "
        + "(on Debian 12 from bookworm-backports: add \"-t bookworm-backports\") and restart fluxd; everything else runs.";

    private static readonly string[] Needed = [GnuTls.Library, NgTcp2.Library, NgTcp2Crypto.Library];
    private static readonly Lazy<QuicLibraryState> State = new(() => Look(Needed));

    static QuicLibraries() => AssemblyLoadContext.Default.ResolvingUnmanagedDll += (_, name) => ResolveOnMacOs(name);

    public static QuicLibraryState Probe() => State.Value;

    internal static QuicLibraryState Look(IEnumerable<string> libraries)
    {
        foreach (var library in libraries)
        {
            if (!NativeLibrary.TryLoad(library, typeof(QuicLibraries).Assembly, null, out _))
            {
                return new QuicLibraryState(false, "", $"{Advice} ({library} is missing)");
            }
        }

        return Version();
    }

    private static unsafe QuicLibraryState Version()
    {
        var info = NgTcp2.ngtcp2_version(0);
        var version = Marshal.PtrToStringUTF8((nint)info->version_str) ?? "";
        return info->version_num >= NgTcp2.OldestVersion
            ? new QuicLibraryState(true, version, $"QUIC and HTTP/3 run on libngtcp2 {version}.")
            : new QuicLibraryState(false, version, $"{Advice} (libngtcp2 {version} is older than 1.11)");
    }

    /// <summary>Homebrew's names for the same libraries; tried only after the Debian name was not found.</summary>
    private static nint ResolveOnMacOs(string name)
    {
        var file = name switch
        {
            _ when !OperatingSystem.IsMacOS() => null,
            NgTcp2.Library => "libngtcp2.16.dylib",
            NgTcp2Crypto.Library => "libngtcp2_crypto_gnutls.8.dylib",
            GnuTls.Library => "libgnutls.30.dylib",
            _ => null,
        };
        foreach (var folder in file is null ? [] : (string[])["", "/opt/homebrew/lib/", "/usr/local/lib/"])
        {
            if (NativeLibrary.TryLoad(folder + file, out var handle))
            {
                return handle;
            }
        }

        return 0;
    }
}
