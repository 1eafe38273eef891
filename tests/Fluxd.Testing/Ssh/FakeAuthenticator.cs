using System.Collections.Concurrent;
using Fluxd.Core.Accounts;

namespace Fluxd.Testing.Ssh;

/// <summary>Judges by a list that the test fills. Counts what it was asked.</summary>
public sealed class FakeAuthenticator : IAuthenticator
{
    private readonly ConcurrentDictionary<string, byte[]> _passwords = new();
    private readonly ConcurrentDictionary<string, byte[]> _keys = new();
    private int _asked;

    public int Asked => _asked;

    /// <summary>Users who need a key and a password.</summary>
    public HashSet<string> TwoFactors { get; } = [];

    public HashSet<string> CertificateUsers { get; } = [];

    public bool EverybodyIsValid { get; set; } = true;

    /// <summary>Set to make every try answer so.</summary>
    public AuthResult? Always { get; set; }

    public FakeAuthenticator Password(string user, string password)
    {
        _passwords[user] = System.Text.Encoding.UTF8.GetBytes(password);
        return this;
    }

    public FakeAuthenticator Key(string user, byte[] blob)
    {
        _keys[user + " " + Convert.ToBase64String(blob)] = blob;
        return this;
    }

    public ValueTask<AuthResult> AuthenticateAsync(Credential credential, PeerInfo peer, AuthMethods done, CancellationToken ct)
    {
        Interlocked.Increment(ref _asked);
        var (user, method, right) = credential switch
        {
            PasswordCredential p => (p.UserName, AuthMethods.Password, _passwords.TryGetValue(p.UserName, out var known) && p.Password.Span.SequenceEqual(known)),
            SshKeyCredential k => (k.UserName, AuthMethods.PublicKey, _keys.ContainsKey(k.UserName + " " + Convert.ToBase64String(k.Blob.Span))),
            SshCertificateCredential c => (c.UserName, AuthMethods.PublicKey, CertificateUsers.Contains(c.UserName)),
            _ => ("", AuthMethods.None, false),
        };
        return ValueTask.FromResult(Always ?? Judge(user, method, right, done));
    }

    public bool IsStillValid(Principal principal) => EverybodyIsValid;

    private AuthResult Judge(string user, AuthMethods method, bool right, AuthMethods done)
    {
        if (!right)
        {
            return AuthResult.Failed;
        }

        var left = (AuthMethods.PublicKey | AuthMethods.Password) & ~(done | method);
        return TwoFactors.Contains(user) && left != AuthMethods.None
            ? new AuthResult(AuthOutcome.Partial, Remaining: left)
            : new AuthResult(AuthOutcome.Success, People.Make(Math.Abs(StringComparer.Ordinal.GetHashCode(user)), user));
    }
}
