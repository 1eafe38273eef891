namespace Fluxd.Transports.Ssh.KeyExchange;

/// <summary>How a side's public value or the shared secret is written into the exchange hash.</summary>
internal enum ValueEncoding
{
    /// <summary>A string of bytes (the public values of RFC 5656 and RFC 8731, all of the ML-KEM hybrid).</summary>
    String,

    /// <summary>A number (all of Diffie-Hellman; the secret of the classical ECDH methods).</summary>
    Mpint,
}

/// <param name="ServerValue">Our public value or ciphertext.</param>
/// <param name="Secret">K; the session clears it when the keys are made.</param>
internal sealed record KeyExchangeResult(byte[] ServerValue, byte[] Secret);
