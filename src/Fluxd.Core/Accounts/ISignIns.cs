namespace Fluxd.Core.Accounts;

/// <param name="Key">SHA-256 of the browser's secret: who reads it can't sign in with it.</param>
public sealed record SignIn(
    ReadOnlyMemory<byte> Key, Principal Principal, string Peer, string Client, DateTimeOffset StartedAt, DateTimeOffset SeenAt);

/// <summary>The sign-ins of browsers, kept so that a restart asks nobody to sign in again. Thread-safe.</summary>
public interface ISignIns
{
    /// <summary>Those that were there at the start, the newest first.</summary>
    IReadOnlyList<SignIn> Kept { get; }

    /// <summary>Durable when it returns.</summary>
    Task KeepAsync(SignIn signIn, CancellationToken ct);

    /// <summary>Durable within seconds: losing one ends an idle session earlier, never later.</summary>
    void Seen(ReadOnlyMemory<byte> key, DateTimeOffset at);

    /// <summary>Durable when it returns: somebody signed out.</summary>
    Task ForgetAsync(ReadOnlyMemory<byte> key, CancellationToken ct);

    /// <summary>Durable within seconds, from any thread, does not block: it was killed, or is over anyway.</summary>
    void Forget(ReadOnlyMemory<byte> key);
}
