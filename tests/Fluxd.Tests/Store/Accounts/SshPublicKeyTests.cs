using System.Net;
using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Store.Accounts;
using Xunit;

namespace Fluxd.Tests.Store.Accounts;

/// <summary>Keys and fingerprints as ssh-keygen of OpenSSH 9.2 printed them.</summary>
public sealed class SshPublicKeyTests
{
    private const string Ed25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICAEjqy9CPWOl8RGik4L60gnxtVI3fF4GayJd0pqWYwd";

    [Theory]
    [InlineData("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICAEjqy9CPWOl8RGik4L60gnxtVI3fF4GayJd0pqWYwd", "SHA256:uuDlTTAXH1hCLa01G8E07gwqIgZcPsN9QjLENSq5bbA")]
    [InlineData("ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBCyRKLV9yjtxhVfh8/OpG+US0Wckwa0uQiVC3U7o4NChHQMsJ4EmqgoQnoY7y0+g1PQdb4iSdiRT7zUvszrLmRQ=", "SHA256:fwRACmRcvpV9OISffYYnmJTAstgUFVcYoL3zqDrKpW4")]
    [InlineData("ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBNOGQoLSMqtfRmr9VbrrlBdggUbozg8IsTgfvh4B8yV7YNh3YF1Y2lBmfW7jyTGhoai+sF4qHgOgqiyh4zXWJwqjXoQ/XA797b3lH+BXXrJKZU0Pa29lIVaw+I8ZsAXuwg==", "SHA256:8s2zotX18b0iUlVtcdBmgBJccF3OPJqyvH4vTX3u8g4")]
    [InlineData("ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBACUwt1fwp4NioFiwXgKeHi8kR9Vxm1oJm4IDtBc3KxcNQOqNtJvQKQTcHmQcUPVP3evx8z4GwAthg0gxuQg15EsdgDYHsa6BhwwHogdwNhrQdpvT4C3rhfiPkUNpXd+sDwWNSB9k3DwDh9a44SIN1KbuzNED4yqJXUpBczVORZAXmWF3g==", "SHA256:HyWjegV1RPILvsNyF6CdrdbEsUnaUFV48RR9cozWSTk")]
    [InlineData("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDG30Ryoe6C0KeyG85Qb8YV/MdaoWKQ4o/lAdvC90D3YboicHOqHf+8Te4QP5xfnqkzRLk9gSvwnjgC9O0+dSsOZ8DF+jBqhozFNIAiVE6UQF2G4ZihDKXyqo49MaFyowZwm07dBMwrA8KxXsirCfomXFIGD8auvJkvDRAMrQcBkj56Ui9AMl4AswBNTiwAcxGzDWDZkhKQ6L4RAZli4zePhttppndUSVnnGt+XbmsCT96ue4LsbTkZJ32zPYLf6ETO2ZJL/93OWKX0ZTjXAK39k2t6ReQr4g2oL8q94YLBuc2XMdVzFNJRyRP5ky9tb9nTLwlsufCVGtQPnypOfoDt", "SHA256:v0SZ+H9YCHSkUVTc7hUFTfB3VmRvBMuKE1JmbdqadBo")]
    public void Every_type_is_read_with_OpenSSHs_fingerprint(string line, string fingerprint)
    {
        var key = SshPublicKey.Parse(line + " anna@laptop");

        Assert.Equal(fingerprint, key.Fingerprint);
        Assert.Equal("anna@laptop", key.Comment);
        Assert.Equal(line.Split(' ')[0], key.Type);
    }

    [Theory]
    [InlineData("sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAICAEjqy9CPWOl8RGik4L60gnxtVI3fF4GayJd0pqWYwdAAAABHNzaDo=")]
    [InlineData("sk-ecdsa-sha2-nistp256@openssh.com AAAAInNrLWVjZHNhLXNoYTItbmlzdHAyNTZAb3BlbnNzaC5jb20AAAAIbmlzdHAyNTYAAABBBCyRKLV9yjtxhVfh8/OpG+US0Wckwa0uQiVC3U7o4NChHQMsJ4EmqgoQnoY7y0+g1PQdb4iSdiRT7zUvszrLmRQAAAAEc3NoOg==")]
    public void Keys_of_hardware_tokens_are_read(string line) => Assert.StartsWith("sk-", SshPublicKey.Parse(line).Type, StringComparison.Ordinal);

    [Theory]
    [InlineData("", "one line")]
    [InlineData("hello", "public key")]
    [InlineData("ssh-ed25519", "type base64 comment")]
    [InlineData("ssh-ed25519 ####", "not Base64")]
    [InlineData("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICAEjqy9CPWOl8RGik4L60gnxtVI3fF4GayJd0pqWYwdeA==", "damaged")]
    [InlineData("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICAEjqy9CPWOl8RGik4L60gnxtVI3fF4GayJd0pqWYw=", "damaged")]
    [InlineData("ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAICAEjqy9CPWOl8RGik4L60gnxtVI3fF4GayJd0pqWYwd", "damaged")]
    [InlineData("ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBCyRKLV9yjtxhVfh8/OpG+US0Wckwa0uQiVC3U7o4NChHQMsJ4EmqgoQnoY7y0+g1PQdb4iSdiRT7zUvszrLmRU=", "damaged")]
    [InlineData("ssh-dss AAAAB3NzaC1kc3MAAACBANuOYSZgf5JSkBEgLVGsq3KlATiOL80JD3IZgKIrT3P5FHwyFR62zQl4+NJ2LAjc6eEt9KqG1u0rLnII6EgxIKXpRxhLuvvaoM255V1GWL0R4Q9j4saH/vGJsuhWyxnc6YkDK38tqvlWoZCzSVrPg9yzBGWHVVOkxeaNV/lFnuxfAAAAFQCELn+gZxXXrq4eDT/fO3BPrZ409QAAAIBBt4ChgHBzuqUnXmcfMIWR3bMOmQz63PgvsB4khTaTCRLGwLPvtwqc6b/H/YNSEI2f+ICm76zKzELOmLYTU/AYJ5kAu4MVZFllL5peOITxkyBtM321/GLA8REuHaW9yzHdIzDXVqpB3maIdeOysN8WnoKCw9T2enIX5um7CQGp/gAAAIEAuZXlgJdi4EDhbuJT3aXLqRStQIOK8GPpOz2/ZS3JqNpI+3Ei7DQS/nUJAAJMa+eGshc+SphRzdd93H1i6ZxBLCwPXSCKCqkQ4QbDHc//iOsfq2xfJ6b5fmOWPjMEnKjjlmCHPLJ+rF6zaSnGSWBLxu2MF1uOululOL+lQnfb4Vw=", "DSA keys are too weak")]
    [InlineData("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDAG4oNr72SUl2VkTEyLb2TOtQPYH5/Wo/q6hJ8UGkqgUvMtm8Ozj2jU0e2nzvEWvnzqyOZlvUPF8n/3XYytGq5v/aBYF5zPuma8n+oneEssajtrFWnj/JDRgVz5hluXyxpq13Az1UIl6Sh7tAIfBRV6ZGMs9nQMNvVX8g8aeeu2Q==", "1024 bits")]
    [InlineData("ssh-ed25519-cert-v01@openssh.com AAAA", "certificate")]
    [InlineData("ssh-unknown AAAA", "not supported")]
    [InlineData("-----BEGIN OPENSSH PRIVATE KEY-----", "private key")]
    [InlineData("command=\"rm\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICAEjqy9CPWOl8RGik4L60gnxtVI3fF4GayJd0pqWYwd", "\"command\" is neither")]
    [InlineData("from=1.2.3.4 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICAEjqy9CPWOl8RGik4L60gnxtVI3fF4GayJd0pqWYwd", "double quotes")]
    [InlineData("from=\"1.2.3.4 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICAEjqy9CPWOl8RGik4L60gnxtVI3fF4GayJd0pqWYwd", "closing quote")]
    [InlineData("from=\"example.org\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICAEjqy9CPWOl8RGik4L60gnxtVI3fF4GayJd0pqWYwd", "\"example.org\" is none")]
    [InlineData("from=\"192.0.2.1\",from=\"*\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICAEjqy9CPWOl8RGik4L60gnxtVI3fF4GayJd0pqWYwd", "from= stands there twice")]
    [InlineData("expires=\"20300101\",expiry-time=\"20990101\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICAEjqy9CPWOl8RGik4L60gnxtVI3fF4GayJd0pqWYwd", "expires= stands there twice")]
    [InlineData("expires=\"soon\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICAEjqy9CPWOl8RGik4L60gnxtVI3fF4GayJd0pqWYwd", "\"soon\" is none")]
    [InlineData("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICAEjqy9CPWOl8RGik4L60gnxtVI3fF4GayJd0pqWYwd\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICAEjqy9CPWOl8RGik4L60gnxtVI3fF4GayJd0pqWYwd", "exactly one line")]
    public void A_bad_line_is_refused_in_plain_words(string line, string expected)
    {
        var fault = Assert.Throws<FluxException>(() => SshPublicKey.Parse(line));

        Assert.Equal(FluxError.Invalid, fault.Error);
        Assert.Contains(expected, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Options_in_front_are_understood()
    {
        var key = SshPublicKey.Parse("restrict,from=\"192.0.2.0/24,!192.0.2.9\",expires=\"20301231\" " + Ed25519 + " a b");

        Assert.Equal("192.0.2.0/24,!192.0.2.9", key.From.Text);
        Assert.Equal(FileTime.From(new DateTimeOffset(2030, 12, 31, 0, 0, 0, TimeSpan.Zero)), key.ExpiresAt);
        Assert.Equal("a b", key.Comment);
    }

    [Fact]
    public void A_key_that_expires_in_a_far_year_is_good_until_then() =>
        Assert.True(SshPublicKey.Parse("expires=\"99991231\" " + Ed25519).ExpiresAt > FileTime.From(new DateTimeOffset(2262, 1, 1, 0, 0, 0, TimeSpan.Zero)));

    [Theory]
    [InlineData("192.0.2.0/24", "192.0.2.77", true)]
    [InlineData("192.0.2.0/24", "192.0.3.77", false)]
    [InlineData("192.0.2.0/24,!192.0.2.77", "192.0.2.77", false)]
    [InlineData("!192.0.2.77", "192.0.2.1", false)]
    [InlineData("192.0.2.7", "::ffff:192.0.2.7", true)]
    [InlineData("192.0.*", "192.0.99.1", true)]
    [InlineData("192.0.2.?", "192.0.2.10", false)]
    [InlineData("2001:db8::/32,10.0.0.0/8", "2001:db8:9::1", true)]
    [InlineData("*,!2001:DB8:*", "2001:db8:9::1", false)]
    [InlineData("*,!::ffff:192.0.2.0/120", "192.0.2.9", false)]
    [InlineData("*,!::ffff:192.0.2.9", "192.0.2.9", false)]
    [InlineData("::ffff:192.0.2.0/120", "192.0.2.9", true)]
    public void From_decides_by_address(string from, string address, bool allowed)
    {
        Assert.True(AddressPatterns.TryParse(from, out var patterns, out _));
        Assert.Equal(allowed, patterns.Allows(IPAddress.Parse(address)));
    }

    [Fact(Timeout = 60_000)]
    public async Task Random_damage_is_refused_or_harmless_but_never_a_crash()
    {
        await Task.Yield();
        var seed = Random.Shared.Next();
        var random = new Random(seed);
        var parts = ("from=\"192.0.2.0/24\",expires=\"20301231\" " + Ed25519 + " anna").ToCharArray();
        for (var i = 0; i < 20_000; i++)
        {
            var line = (char[])parts.Clone();
            for (var n = random.Next(1, 4); n > 0; n--)
            {
                line[random.Next(line.Length)] = (char)random.Next(1, 300);
            }

            try
            {
                SshPublicKey.Parse(new string(line));
            }
            catch (FluxException)
            {
            }
            catch (Exception other)
            {
                Assert.Fail($"{other.GetType().Name} for \"{new string(line)}\", seed {seed}");
            }
        }
    }
}
