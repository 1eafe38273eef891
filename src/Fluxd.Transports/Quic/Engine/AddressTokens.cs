using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Fluxd.Transports.Quic.Native;

namespace Fluxd.Transports.Quic.Engine;

/// <summary>
/// What lets us recognise a peer without keeping anything: Retry tokens, NEW_TOKEN tokens and stateless reset tokens,
/// all from one secret (RFC 9000, 8.1 and 10.3). Loop thread.
/// </summary>
internal sealed unsafe class AddressTokens : IDisposable
{
    public const int SecretBytes = 32;
    public const int ResetTokenBytes = 16;

    private readonly byte* _secret = (byte*)NativeMemory.Alloc(SecretBytes);

    public AddressTokens(ReadOnlySpan<byte> secret)
    {
        var own = new Span<byte>(_secret, SecretBytes);
        if (secret.Length == SecretBytes)
        {
            secret.CopyTo(own);
        }
        else
        {
            RandomNumberGenerator.Fill(own);
        }
    }

    public bool WriteResetToken(byte* token, ngtcp2_cid* id) =>
        NgTcp2Crypto.ngtcp2_crypto_generate_stateless_reset_token(token, _secret, SecretBytes, id) == 0;

    /// <summary>The client's answer to our Retry: tells the connection id that it chose first.</summary>
    public bool IsRetryAnswer(ngtcp2_pkt_hd* header, in ngtcp2_addr peer, ngtcp2_cid* originalId, ulong now) =>
        NgTcp2Crypto.ngtcp2_crypto_verify_retry_token2(
            originalId, header->token, header->tokenlen, _secret, SecretBytes, header->version, peer.addr, peer.addrlen,
            &header->dcid, Nanoseconds(QuicLimits.RetryTokenLife), now) == 0;

    public bool IsKnownAddress(ngtcp2_pkt_hd* header, in ngtcp2_addr peer, ulong now) =>
        NgTcp2Crypto.ngtcp2_crypto_verify_regular_token(
            header->token, header->tokenlen, _secret, SecretBytes, peer.addr, peer.addrlen, Nanoseconds(QuicLimits.AddressTokenLife), now) == 0;

    /// <summary>Writes a whole Retry packet; ≤ 0 when it could not.</summary>
    public nint WriteRetry(byte* packet, nuint size, ngtcp2_pkt_hd* header, in ngtcp2_addr peer, ulong now)
    {
        var id = CidTable.Random(QuicLimits.ConnectionIdBytes);
        var token = stackalloc byte[NgTcp2Crypto.RetryTokenBytesMax];
        var length = NgTcp2Crypto.ngtcp2_crypto_generate_retry_token2(
            token, _secret, SecretBytes, header->version, peer.addr, peer.addrlen, &id, &header->dcid, now);
        return length <= 0
            ? length
            : NgTcp2Crypto.ngtcp2_crypto_write_retry(packet, size, header->version, &header->scid, &id, &header->dcid, token, (nuint)length);
    }

    /// <summary>Gives the peer a token for its next connection from this address.</summary>
    public void SendAddressToken(void* connection, in ngtcp2_addr peer, ulong now)
    {
        var token = stackalloc byte[NgTcp2Crypto.RegularTokenBytesMax];
        var length = NgTcp2Crypto.ngtcp2_crypto_generate_regular_token(token, _secret, SecretBytes, peer.addr, peer.addrlen, now);
        if (length > 0)
        {
            _ = NgTcp2.ngtcp2_conn_submit_new_token(connection, token, (nuint)length);
        }
    }

    private static ulong Nanoseconds(TimeSpan time) => (ulong)time.Ticks * 100;

    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(new Span<byte>(_secret, SecretBytes));
        NativeMemory.Free(_secret);
    }
}
