using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fluxd.Core.Admin;
using Fluxd.Core.Tls;
using Fluxd.Daemon.Config;

namespace Fluxd.Daemon.Doctor;

/// <summary>The certificate that is served: its files, its key's mode, its time, its names, what is sent along with it.</summary>
internal sealed class TlsChecks(Func<FluxdConfig> config, ICertificateProvider certificates, TimeProvider clock) : IDoctorCheck
{
    private static readonly TimeSpan s_warnBefore = TimeSpan.FromDays(14);

    public string Name => "tls";

    public ValueTask<IReadOnlyList<CheckRecord>> RunAsync(CancellationToken ct)
    {
        var now = config();
        return !now.Quic.Enabled && !(now.Http.Enabled && now.Http.ListenTls.Length > 0)
            ? new([Check.Skipped("tls.certificate", "Nothing listens with TLS.")])
            : new([Files(now.Tls), KeyMode(now.Tls), Expiry(), Names(now.Http.PublicUrl), Chain()]);
    }

    private CheckRecord Files(TlsConfig tls)
    {
        const string name = "tls.certificate";
        if (certificates.IsSelfMade)
        {
            return Check.Good(name, $"Self-made, SHA-256 {certificates.Fingerprint}: fluxctl pins it, browsers warn.");
        }

        try
        {
            using var fresh = X509Certificate2.CreateFromPemFile(tls.Cert, tls.Key);
            return fresh.GetCertHashString(HashAlgorithmName.SHA256) == certificates.Fingerprint
                ? Check.Good(name, $"{tls.Cert} and its key can be read and belong together.")
                : Check.Warning(name, $"{tls.Cert} holds another certificate than the one in use.", "Wait half a minute: it is read again by itself; else look at the log: journalctl -u fluxd | grep -i tls");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            return Check.Bad(name, $"{tls.Cert} and {tls.Key} can't be used any more; the certificate read before is served until the next start. {e.Message}", $"sudo -u fluxd head -c1 {tls.Cert} {tls.Key}   must work, and the key must belong to the first certificate: openssl x509 -in {tls.Cert} -noout -pubkey; openssl pkey -in {tls.Key} -pubout");
        }
    }

    private CheckRecord KeyMode(TlsConfig tls)
    {
        const string name = "tls.key";
        if (certificates.IsSelfMade)
        {
            return Check.Good(name, "The self-made key is among the daemon's own secrets.");
        }

        const UnixFileMode tooMuch = UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;
        return !File.Exists(tls.Key) ? Check.Bad(name, $"{tls.Key} is not there.", "Renew the certificate, or set [tls] key")
            : (File.GetUnixFileMode(tls.Key) & tooMuch) == 0 ? Check.Good(name, "Only its owner, and a group at most, may read the private key.")
            : Check.Bad(name, $"Everybody on this machine may read or change the private key {tls.Key}.", $"sudo chmod 640 {tls.Key} && sudo chgrp fluxd {tls.Key}");
    }

    private CheckRecord Expiry()
    {
        const string name = "tls.expiry";
        var (now, from, until) = (clock.GetUtcNow(), new DateTimeOffset(certificates.Current.NotBefore), new DateTimeOffset(certificates.Current.NotAfter));
        var day = until.ToUniversalTime().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        const string renew = "Renew it (sudo certbot renew); the new files are noticed by themselves";
        return until <= now ? Check.Bad(name, $"The certificate ended on {day}.", renew)
            : from > now ? Check.Bad(name, $"The certificate begins only on {from.ToUniversalTime():yyyy-MM-dd}.", "Set the clock: sudo timedatectl set-ntp true; else get another certificate")
            : until - now < s_warnBefore ? Check.Warning(name, $"The certificate ends on {day}, in {(until - now).Days} days.", renew)
            : Check.Good(name, $"The certificate is valid until {day}.");
    }

    private CheckRecord Names(string publicUrl)
    {
        const string name = "tls.names";
        var names = certificates.Current.Extensions.OfType<X509SubjectAlternativeNameExtension>()
            .SelectMany(extension => extension.EnumerateDnsNames().Concat(extension.EnumerateIPAddresses().Select(address => address.ToString()))).ToArray();
        var listed = names.Length == 0 ? "none" : string.Join(", ", names.Take(10));
        if (publicUrl.Length == 0 || new Uri(publicUrl) is not { Scheme: "https" } url)
        {
            return names.Length > 0 || certificates.IsSelfMade
                ? Check.Good(name, $"The certificate names: {listed}.")
                : Check.Warning(name, "The certificate names no host: every client will refuse it.", "Get one with a subject alternative name: certbot certonly -d NAME");
        }

        return certificates.Current.MatchesHostname(url.IdnHost) ? Check.Good(name, $"The certificate names {url.IdnHost}, as [http] public_url does.")
            : certificates.IsSelfMade ? Check.Good(name, $"Self-made; {url.IdnHost} of [http] public_url is not in it, which pinning doesn't mind.")
            : Check.Bad(name, $"[http] public_url leads to {url.IdnHost}, but the certificate names: {listed}.", $"certbot certonly -d {url.IdnHost}   or correct [http] public_url");
    }

    private CheckRecord Chain()
    {
        const string name = "tls.chain";
        var leaf = certificates.Current;
        if (certificates.IsSelfMade || leaf.SubjectName.RawData.AsSpan().SequenceEqual(leaf.IssuerName.RawData))
        {
            return Check.Good(name, "It vouches for itself: there is nothing to send along.");
        }

        using var chain = new X509Chain();
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.VerificationTime = leaf.NotBefore.AddSeconds(1);
        chain.ChainPolicy.ExtraStore.AddRange(certificates.Chain.ToArray());
        chain.Build(leaf);
        return !chain.ChainStatus.Any(status => status.Status.HasFlag(X509ChainStatusFlags.PartialChain)) ? Check.Good(name, "It is sent with all that lies between it and its authority.")
            : certificates.Chain.Count > 0 ? Check.Warning(name, "This machine doesn't know the authority at the end of the certificate's chain.", "For an authority of your own put its certificate in /usr/local/share/ca-certificates/NAME.crt: sudo update-ca-certificates")
            : Check.Warning(name, "The certificate is sent alone; clients that don't know its issuer refuse it.", "[tls] cert must hold the whole chain (certbot's fullchain.pem, not cert.pem)");
    }
}
