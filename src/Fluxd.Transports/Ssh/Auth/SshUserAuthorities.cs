using System.Net;
using System.Text;
using Fluxd.Core;
using Fluxd.Transports.Ssh.Wire;

namespace Fluxd.Transports.Ssh.Auth;

/// <summary>
/// The CAs whose user certificates let a user in, and the judgement on one certificate: signed by one of them, a user
/// certificate, naming the user as a principal, valid now, from an allowed address. A critical option that isn't
/// understood refuses it; <c>force-command</c> is one of those unless it is <c>internal-sftp</c>, which limits it to SFTP.
/// </summary>
public sealed class SshUserAuthorities
{
    private readonly byte[][] _keys;

    private SshUserAuthorities(byte[][] keys) => _keys = keys;

    public static SshUserAuthorities None { get; } = new([]);

    /// <param name="lines">Public keys as in a TrustedUserCAKeys file; empty lines and comments are skipped.</param>
    public static SshUserAuthorities Parse(IEnumerable<string> lines) => new([.. lines
        .Select(l => l.Trim())
        .Where(l => l.Length > 0 && l[0] != '#')
        .Select(ParseKey)]);

    internal CertificateVerdict Judge(UserCertificate certificate, string userName, IPAddress address, DateTimeOffset now)
    {
        if (!Array.Exists(_keys, k => k.AsSpan().SequenceEqual(certificate.AuthorityKey)) || !IsSigned(certificate))
        {
            return CertificateVerdict.Refuse("it is not signed by a configured authority");
        }

        var seconds = (ulong)Math.Max(0, now.ToUnixTimeSeconds());
        if (certificate.Type != UserCertificate.UserType)
        {
            return CertificateVerdict.Refuse("it is not a user certificate");
        }

        if (!certificate.Principals.Contains(userName))
        {
            return CertificateVerdict.Refuse("it does not name this user as a principal");
        }

        return seconds < certificate.ValidAfter || seconds >= certificate.ValidBefore
            ? CertificateVerdict.Refuse("it is not valid at this time")
            : JudgeOptions(certificate, address);
    }

    private static CertificateVerdict JudgeOptions(UserCertificate certificate, IPAddress address)
    {
        var onlySftp = false;
        foreach (var (name, value) in certificate.CriticalOptions)
        {
            switch (name)
            {
                case "source-address" when AddressList.Contains(OptionText(value), address):
                    break;
                case "source-address":
                    return CertificateVerdict.Refuse("it is not valid from this address");
                case "force-command" when OptionText(value) == "internal-sftp":
                    onlySftp = true;
                    break;
                default:
                    return CertificateVerdict.Refuse($"its critical option {name} is not supported");
            }
        }

        return new(true, "", onlySftp);
    }

    private static bool IsSigned(UserCertificate certificate)
    {
        try
        {
            var name = new SshReader(certificate.Signature).Name();
            return UserKeyAlgorithms.Find(name) is { Certificate: false } algorithm
                && UserSignature.Verify(algorithm, certificate.AuthorityKey, certificate.Signature, certificate.SignedPart);
        }
        catch (SshProtocolException)
        {
            return false;
        }
    }

    private static string OptionText(byte[] value)
    {
        var reader = new SshReader(value);
        return Encoding.UTF8.GetString(reader.String());
    }

    private static byte[] ParseKey(string line)
    {
        var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words.Length < 2)
        {
            throw FluxException.Invalid("A user CA must be a line like \"ssh-ed25519 AAAA… name\".");
        }

        try
        {
            return Convert.FromBase64String(words[1]);
        }
        catch (FormatException e)
        {
            throw new FluxException(FluxError.Invalid, "A user CA must be a line like \"ssh-ed25519 AAAA… name\".", e);
        }
    }
}

/// <param name="Reason">For the log; the client hears nothing.</param>
internal sealed record CertificateVerdict(bool Accepted, string Reason, bool OnlySftp)
{
    public static CertificateVerdict Refuse(string reason) => new(false, reason, false);
}
