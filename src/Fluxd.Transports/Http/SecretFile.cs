using System.Security.Cryptography;
using Fluxd.Core;

namespace Fluxd.Transports.Http;

/// <summary>The secret that signs tokens and URLs: made once in the daemon's state, readable by its user only.</summary>
public static class SecretFile
{
    private const string FileName = "http-secret";

    public static byte[] OpenOrMake(string stateFolder)
    {
        var path = Path.Combine(stateFolder, FileName);
        try
        {
            if (!File.Exists(path))
            {
                Write(path, RandomNumberGenerator.GetBytes(HttpLimits.SecretBytesMin));
            }

            var secret = File.ReadAllBytes(path);
            return secret.Length >= HttpLimits.SecretBytesMin
                ? secret
                : throw FluxException.Invalid($"{FileName} in the state folder has {secret.Length} bytes; it needs at least {HttpLimits.SecretBytesMin}. Remove it to have a new one made; signed URLs and tokens then end.");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new FluxException(FluxError.Unavailable, $"{FileName} in the state folder can't be read or made: {error.Message}", error);
        }
    }

    private static void Write(string path, byte[] secret)
    {
        var temporary = path + ".new";
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite };
        using (var file = new FileStream(temporary, options))
        {
            file.Write(secret);
            file.Flush(flushToDisk: true);
        }

        File.Move(temporary, path);
    }
}
