using System.Security.Cryptography;

namespace Fluxd.Core.Accounts;

/// <summary>A password to be read off a screen once: 20 letters and digits without look-alikes, 95 random bits.</summary>
public static class OneTimePassword
{
    private const string Alphabet = "abcdefghjkmnpqrstuvwxyz23456789";

    public static string New() =>
        string.Join('-', Enumerable.Range(0, 4).Select(_ => RandomNumberGenerator.GetString(Alphabet, 5)));
}
