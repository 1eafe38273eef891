using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Fluxd.Core.Admin;
using Fluxd.Daemon.Config;
using Fluxd.Store.Catalog.Sqlite;
using Fluxd.Transports.Quic;
using Fluxd.Transports.Quic.Native;

namespace Fluxd.Daemon.Doctor;

/// <summary>Libraries of the system: what each is for, and how to get it.</summary>
internal sealed class LibraryChecks(FluxdConfig config) : IDoctorCheck
{
    public string Name => "libraries";

    public ValueTask<IReadOnlyList<CheckRecord>> RunAsync(CancellationToken ct) => new([Database(), Compression(), Crypto(), Quic(), MsQuic()]);

    private static CheckRecord Database() => SqliteLibrary.IsThere
        ? Check.Good("libraries.sqlite", "SQLite is there: it keeps the catalogue.")
        : Check.Bad("libraries.sqlite", "SQLite is missing: fluxd can't start.", "sudo apt-get install libsqlite3-0");

    private CheckRecord Compression()
    {
        const string name = "libraries.zstd";
        return config.Store.Compression == "off" ? Check.Skipped(name, "Compression is off.")
            : Loads(OperatingSystem.IsMacOS() ? "libzstd.dylib" : "libzstd.so.1") ? Check.Good(name, "libzstd is there: what pays is compressed.")
            : Check.Warning(name, "libzstd is missing: everything is stored uncompressed.", "sudo apt-get install libzstd1");
    }

    private CheckRecord Crypto()
    {
        const string name = "libraries.openssl";
        if (!config.Sftp.Enabled)
        {
            return Check.Skipped(name, "SFTP is off.");
        }

        return !Loads("libcrypto.so.3")
            ? Check.Bad(name, "OpenSSL 3's libcrypto is missing: SFTP has neither Curve25519 nor Ed25519.", "sudo apt-get install libssl3t64 || sudo apt-get install libssl3")
            : AesGcm.IsSupported && SHA3_256.IsSupported
                ? Check.Good(name, "OpenSSL's libcrypto gives SSH all its algorithms.")
                : Check.Warning(name, "This build of OpenSSL lacks AES-GCM or SHA-3: SSH does without some algorithms, the post-quantum key exchange among them.", "sudo apt-get install --reinstall openssl libssl3; a FIPS provider (openssl list -providers) may forbid them");
    }

    private CheckRecord Quic()
    {
        const string name = "libraries.quic";
        if (!config.Quic.Enabled)
        {
            return Check.Skipped(name, "QUIC is off.");
        }

        return QuicFrontend.WhyUnavailable(config.Quic.Engine) is not { } why
            ? Check.Good(name, config.Quic.Engine == "msquic" ? "QUIC and HTTP/3 run on libmsquic." : QuicLibraries.Probe().Message)
            : Check.Warning(name, why, config.Quic.Engine == "msquic"
                ? "Install libmsquic from packages.microsoft.com, or set [quic] engine = \"auto\""
                : "sudo apt-get install libngtcp2-16 libngtcp2-crypto-gnutls8 (Debian 12: -t bookworm-backports), then sudo systemctl restart fluxd; or [quic] enabled = false");
    }

    /// <summary>The second engine: nobody needs it who has the first.</summary>
    private CheckRecord MsQuic() => config.Quic.Engine == "msquic"
        ? Check.Skipped("libraries.msquic", "It is the engine that is set: see libraries.quic.")
        : QuicFrontend.WhyUnavailable("msquic") is null
            ? Check.Good("libraries.msquic", "libmsquic is there too; [quic] engine = \"msquic\" would take it.")
            : Check.Skipped("libraries.msquic", "libmsquic, the other QUIC engine, is not there; it is not needed.");

    private static bool Loads(string library)
    {
        if (!NativeLibrary.TryLoad(library, out var handle))
        {
            return false;
        }

        NativeLibrary.Free(handle);
        return true;
    }
}
