using System.Text;
using Fluxd.Store.Accounts;
using Fluxd.Testing;
using Xunit;

namespace Fluxd.Tests.Store.Accounts;

public sealed class PasswordTests
{
    private static readonly byte[] Secret = "correct horse"u8.ToArray();

    [Fact]
    public void A_hash_describes_itself_and_reads_back()
    {
        var text = PasswordHash.Create(Secret, 1000).ToString();

        Assert.StartsWith("$pbkdf2-sha512$i=1000$", text, StringComparison.Ordinal);
        Assert.DoesNotContain("=", text["$pbkdf2-sha512$i=".Length..], StringComparison.Ordinal);
        Assert.True(PasswordHash.TryParse(text, out var hash));
        Assert.True(hash.Matches(Secret));
        Assert.False(hash.Matches("correct horse "u8));
    }

    // RFC 7914 has no SHA-512 vectors; this one was computed with Python's hashlib.pbkdf2_hmac.
    [Fact]
    public void The_derivation_is_PBKDF2_HMAC_SHA_512()
    {
        var hash = PasswordHash.Derive("password"u8, "NaClNaCl"u8, 1000);

        Assert.Equal("DAE26525800A20F8BDCA03496F4131A4A635C26F0324644F5C449EFBE9E5A731C650A3ABD23D16575B1C89D8F196C65C4889BB2175C5D34626292F3334926A6A", Convert.ToHexString(hash));
    }

    [Fact]
    public void Two_hashes_of_one_password_differ() =>
        Assert.NotEqual(PasswordHash.Create(Secret, 1).ToString(), PasswordHash.Create(Secret, 1).ToString());

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("plain")]
    [InlineData("$pbkdf2-sha256$i=1$c2FsdHNhbHQ$AAAA")]
    [InlineData("$pbkdf2-sha512$i=0$c2FsdHNhbHQ$AAAA")]
    [InlineData("$pbkdf2-sha512$i=99999999999$c2FsdHNhbHQ$AAAA")]
    [InlineData("$pbkdf2-sha512$i=1000$c2FsdHNhbHQ$AAAA")]
    [InlineData("$pbkdf2-sha512$i=1000$!!$AAAA")]
    public void What_is_no_hash_is_refused(string? text) => Assert.False(PasswordHash.TryParse(text, out _));

    [Theory]
    [InlineData("a\0", false)]
    [InlineData("\0", false)]
    [InlineData("", false)]
    [InlineData("pass word", true)]
    [InlineData("pässwörd", true)]
    public void A_password_with_a_NUL_is_impossible(string password, bool possible) =>
        Assert.Equal(possible, PasswordChecker.IsPossible(Encoding.UTF8.GetBytes(password)));

    [Fact(Timeout = 60_000)]
    public async Task Every_try_costs_the_same_whoever_is_asked_for()
    {
        var checker = new PasswordChecker(5000, 1);
        var strong = PasswordHash.Create(Secret, 5000).ToString();
        var weak = PasswordHash.Create(Secret, 1000).ToString();
        (string? Stored, byte[] Password, PasswordVerdict Expected)[] tries =
        [
            (strong, Secret, PasswordVerdict.Right),
            (strong, "wrong"u8.ToArray(), PasswordVerdict.Wrong),
            (weak, Secret, PasswordVerdict.RightButWeak),
            (weak, "wrong"u8.ToArray(), PasswordVerdict.Wrong),
            (null, Secret, PasswordVerdict.Wrong),
            ("damaged", Secret, PasswordVerdict.Wrong),
        ];
        foreach (var (stored, password, expected) in tries)
        {
            var before = checker.IterationsSpent;
            Assert.Equal(expected, await checker.CheckAsync(stored, password, "a", default));
            Assert.Equal(5000, checker.IterationsSpent - before);
        }
    }

    [Fact(Timeout = 60_000)]
    public async Task No_more_hashes_run_at_once_than_there_are_slots()
    {
        var checker = new PasswordChecker(2000, 2);
        var stored = PasswordHash.Create(Secret, 2000).ToString();
        var tries = Enumerable.Range(0, 24).Select(i => checker.CheckAsync(stored, Secret, "s" + (i % 6), default));

        Assert.All(await Task.WhenAll(tries), verdict => Assert.Equal(PasswordVerdict.Right, verdict));
        Assert.InRange(checker.RunningPeak, 1, 2);
    }

    [Fact]
    public void A_verified_password_is_remembered_for_five_minutes_and_for_its_generation_only()
    {
        var clock = new ManualTime();
        var verified = new VerifiedPasswords(clock);
        verified.Add(7, 1, Secret);

        Assert.True(verified.Contains(7, 1, Secret));
        Assert.False(verified.Contains(7, 1, "correct horsf"u8));
        Assert.False(verified.Contains(8, 1, Secret));
        Assert.False(verified.Contains(7, 2, Secret));
        clock.Advance(TimeSpan.FromMinutes(5));
        Assert.False(verified.Contains(7, 1, Secret));
    }
}
