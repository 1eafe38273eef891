using System.Buffers.Binary;
using System.Security.Cryptography;
using Fluxd.Core;

namespace Fluxd.Store.Accounts;

/// <summary>
/// Remembers for five minutes which passwords were right, so that Basic authentication doesn't hash at each request.
/// Holds HMACs under a key that lives as long as the process, never a password; the password's generation is part of
/// what is hashed, so a change forgets the old one. Thread-safe.
/// </summary>
internal sealed class VerifiedPasswords(TimeProvider clock)
{
    private readonly byte[] _key = RandomNumberGenerator.GetBytes(32);
    private readonly Lock _gate = new();
    private readonly Dictionary<string, long> _until = [];

    public bool Contains(long userId, long generation, ReadOnlySpan<byte> password)
    {
        var mark = Mark(userId, generation, password);
        lock (_gate)
        {
            return _until.TryGetValue(mark, out var until) && clock.GetTimestamp() < until;
        }
    }

    public void Add(long userId, long generation, ReadOnlySpan<byte> password)
    {
        var mark = Mark(userId, generation, password);
        var now = clock.GetTimestamp();
        lock (_gate)
        {
            if (_until.Count >= AccountLimits.VerifiedPasswordsMax)
            {
                Shrink(now);
            }

            _until[mark] = now + (long)(AccountLimits.VerifiedPasswordLife.TotalSeconds * clock.TimestampFrequency);
        }
    }

    private void Shrink(long now)
    {
        foreach (var (mark, until) in _until)
        {
            if (until <= now)
            {
                _until.Remove(mark);
            }
        }

        if (_until.Count >= AccountLimits.VerifiedPasswordsMax)
        {
            _until.Clear();
        }
    }

    private string Mark(long userId, long generation, ReadOnlySpan<byte> password)
    {
        if (password.Length > Limits.PasswordBytesMax)
        {
            return "";
        }

        Span<byte> message = stackalloc byte[16 + Limits.PasswordBytesMax];
        BinaryPrimitives.WriteInt64BigEndian(message, userId);
        BinaryPrimitives.WriteInt64BigEndian(message[8..], generation);
        password.CopyTo(message[16..]);
        var used = message[..(16 + password.Length)];
        var mark = Convert.ToHexString(HMACSHA256.HashData(_key, used));
        CryptographicOperations.ZeroMemory(used);
        return mark;
    }
}
