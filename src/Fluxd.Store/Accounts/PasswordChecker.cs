using System.Security.Cryptography;
using Fluxd.Core;

namespace Fluxd.Store.Accounts;

internal enum PasswordVerdict
{
    Wrong,
    Right,

    /// <summary>Right, and the stored string is weaker than today's work factor.</summary>
    RightButWeak,
}

/// <summary>
/// Checks passwords at one price: every try costs today's work factor, whether the user exists, has a password, or has
/// an old cheap one. At most half the cores hash at once. Thread-safe.
/// </summary>
internal sealed class PasswordChecker(int iterations, int slots)
{
    /// <summary>Compared against when there is nothing to compare with; no password has this salt and an all-zero hash.</summary>
    private readonly PasswordHash _nobody = new(iterations, new byte[16], new byte[64]);

    private readonly FairQueue _queue = new(slots, AccountLimits.HashesWaitingPerSourceMax, AccountLimits.HashesWaitingMax);
    private long _iterationsSpent;

    public int Iterations => iterations;

    /// <summary>What all tries together have cost: tests hold equal time by it, not by a clock.</summary>
    public long IterationsSpent => Interlocked.Read(ref _iterationsSpent);

    public int RunningPeak => _queue.RunningPeak;

    /// <summary>A password that could never have been set is wrong before any work, for known and unknown users alike.</summary>
    public static bool IsPossible(ReadOnlySpan<byte> password) =>
        password.Length is > 0 and <= Limits.PasswordBytesMax && !password.Contains((byte)0);

    public Task<PasswordVerdict> CheckAsync(string? stored, ReadOnlyMemory<byte> password, string source, CancellationToken ct)
    {
        var known = PasswordHash.TryParse(stored, out var hash);
        return _queue.RunAsync(source, () => Check(known ? hash! : _nobody, known, password.Span), ct);
    }

    public Task<string> HashAsync(ReadOnlyMemory<byte> password, string source, CancellationToken ct) =>
        _queue.RunAsync(source, () =>
        {
            Interlocked.Add(ref _iterationsSpent, iterations);
            return PasswordHash.Create(password.Span, iterations).ToString();
        }, ct);

    private PasswordVerdict Check(PasswordHash hash, bool known, ReadOnlySpan<byte> password)
    {
        Interlocked.Add(ref _iterationsSpent, hash.Iterations);
        var right = hash.Matches(password) && known;
        if (hash.Iterations < iterations)
        {
            // An old row must not answer faster than an unknown user.
            var rest = iterations - hash.Iterations;
            Interlocked.Add(ref _iterationsSpent, rest);
            CryptographicOperations.ZeroMemory(PasswordHash.Derive(password, hash.Salt, rest));
        }

        return !right ? PasswordVerdict.Wrong : hash.Iterations < iterations ? PasswordVerdict.RightButWeak : PasswordVerdict.Right;
    }
}
