using System.Security.Cryptography;

namespace Fluxd.Transports.Ssh.Crypto;

/// <summary>ML-KEM-768 encapsulation: the runtime's where its OpenSSL has it (3.5), the in-tree one elsewhere.</summary>
internal static class MlKem768
{
    public static bool IsSupported => MLKem.IsSupported || ManagedMlKem768.IsSupported;

    /// <summary>For the log: one and the same daemon uses either, as the system's OpenSSL allows.</summary>
    public static string Form => MLKem.IsSupported ? "the system's OpenSSL" : ManagedMlKem768.IsSupported ? "fluxd itself" : "nobody here";

    /// <summary>False when the peer's key is malformed.</summary>
    public static bool TryEncapsulate(ReadOnlySpan<byte> encapsulationKey, Span<byte> ciphertext, Span<byte> secret)
    {
        if (!ManagedMlKem768.IsValidKey(encapsulationKey))
        {
            return false;
        }

        if (!MLKem.IsSupported)
        {
            Span<byte> message = stackalloc byte[32];
            RandomNumberGenerator.Fill(message);
            ManagedMlKem768.Encapsulate(encapsulationKey, message, ciphertext, secret);
            message.Clear();
            return true;
        }

        using var key = MLKem.ImportEncapsulationKey(MLKemAlgorithm.MLKem768, encapsulationKey);
        key.Encapsulate(ciphertext, secret);
        return true;
    }
}
