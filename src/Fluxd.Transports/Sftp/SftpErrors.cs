using System.Text;
using Fluxd.Core;

namespace Fluxd.Transports.Sftp;

/// <summary>The one place that turns the core's errors into SSH_FX codes: those of OpenSSH's errno_to_portable.</summary>
internal static class SftpErrors
{
    public static SftpStatus StatusOf(FluxError error) => error switch
    {
        FluxError.NotFound or FluxError.NotFolder or FluxError.LinkLoop or FluxError.Gone => SftpStatus.NoSuchFile,
        FluxError.Denied or FluxError.Unauthenticated => SftpStatus.PermissionDenied,
        FluxError.Invalid or FluxError.TooLarge => SftpStatus.BadMessage,
        FluxError.Exists or FluxError.NotEmpty or FluxError.IsFolder or FluxError.Conflict or FluxError.QuotaExceeded
            or FluxError.NoSpace or FluxError.Fenced or FluxError.RateLimited or FluxError.Corrupt or FluxError.Busy
            or FluxError.Unavailable or FluxError.Missing => SftpStatus.Failure,
        _ => SftpStatus.Failure,
    };

    /// <summary>Clients print this beside their own words: it must fit one line.</summary>
    public static string TextOf(FluxException error)
    {
        var text = error.Message.ReplaceLineEndings(" ");
        while (Encoding.UTF8.GetByteCount(text) > SftpLimits.StatusTextBytesMax)
        {
            text = text[..(text.Length / 2)];
        }

        return text;
    }
}
