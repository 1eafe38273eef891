using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Fluxd.Core;
using Fluxd.Core.Files;

namespace Fluxd.Transports.Sftp.Commands;

/// <summary>Prints a text that follows from its words alone.</summary>
internal sealed class TextCommand(Func<IReadOnlyList<byte[]>, string> text) : IRemoteCommand
{
    public async Task<int> RunAsync(RemoteCommandCall call, CancellationToken ct)
    {
        await call.PrintAsync(text(call.Arguments), ct);
        return 0;
    }
}

/// <summary>
/// Clients learn what kind of shell they have by <c>echo ${ShellId}%ComSpec%</c>: a Unix shell knows no such variable
/// and prints the rest.
/// </summary>
internal static partial class EchoText
{
    public static string Of(IReadOnlyList<byte[]> words) =>
        string.Join(' ', words.Select(word => Variable().Replace(Encoding.UTF8.GetString(word), ""))) + "\n";

    [GeneratedRegex(@"\$(\{[A-Za-z_][A-Za-z0-9_]*\}|[A-Za-z_][A-Za-z0-9_]*)")]
    private static partial Regex Variable();
}

/// <summary><c>cd FOLDER</c>: says whether it is one; every command starts in the home all the same.</summary>
internal sealed class FolderCommand(IFiles files) : IRemoteCommand
{
    public async Task<int> RunAsync(RemoteCommandCall call, CancellationToken ct)
    {
        var path = call.Arguments.Count == 0 ? FilePath.Root : FilePath.Parse(call.Arguments[0]);
        return (await files.StatAsync(call.Who, path, followLink: true, ct)).Kind == NodeKind.Folder
            ? 0
            : throw new FluxException(FluxError.NotFolder, "That is not a folder.");
    }
}

/// <summary><c>df -k [PATH]</c> in the portable format of POSIX, from the quota.</summary>
internal sealed class SpaceCommand(IFiles files) : IRemoteCommand
{
    public async Task<int> RunAsync(RemoteCommandCall call, CancellationToken ct)
    {
        var (_, operands) = call.Split();
        var path = operands.Count == 0 ? FilePath.Root : FilePath.Parse(operands[0]);
        var space = await files.SpaceAsync(call.Who, path, ct);
        var used = space.BytesTotal - space.BytesFree;
        var share = space.BytesTotal == 0 ? 0 : (int)Math.Ceiling(100.0 * used / space.BytesTotal);
        await call.PrintAsync(
            string.Create(
                CultureInfo.InvariantCulture,
                $"Filesystem 1024-blocks Used Available Capacity Mounted on\nfluxd {space.BytesTotal / 1024} {used / 1024} {space.BytesFree / 1024} {share}% /\n"),
            ct);
        return 0;
    }
}
