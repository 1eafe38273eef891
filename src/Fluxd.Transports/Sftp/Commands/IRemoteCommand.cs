using System.IO.Pipelines;
using System.Text;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Core.Transfers;

namespace Fluxd.Transports.Sftp.Commands;

/// <summary>What a command that a client asked for by "exec" gets: its words, its user, and its three streams.</summary>
/// <param name="Arguments">The words after the command's name, quotes taken away, byte for byte.</param>
public sealed record RemoteCommandCall(IReadOnlyList<byte[]> Arguments, Principal Who, IDuplexPipe Io, Func<string, CancellationToken, ValueTask> Errors)
{
    /// <summary>Begins the timeline of one file's transfer of a kind ("read", "write"); null where nobody keeps them.</summary>
    public Func<string, ITransfer?> Begin { get; init; } = _ => null;

    /// <summary>Why the server ended the connection; null where the client did.</summary>
    public Func<string?> EndedBecause { get; init; } = () => null;

    /// <summary>The word for a transfer that was cut off.</summary>
    internal string Closed => EndedBecause() is { } reason ? $"server closed: {reason}" : "client closed";

    public ValueTask<FlushResult> PrintAsync(string text, CancellationToken ct) => Io.Output.WriteAsync(Encoding.UTF8.GetBytes(text), ct);

    public ValueTask PrintErrorAsync(string text, CancellationToken ct) => Errors(text, ct);

    internal (HashSet<char> Options, List<byte[]> Operands) Split()
    {
        var options = new HashSet<char>();
        var operands = new List<byte[]>();
        var ended = false;
        foreach (var word in Arguments)
        {
            if (!ended && word.AsSpan().SequenceEqual("--"u8))
            {
                ended = true;
            }
            else if (!ended && word is [(byte)'-', _, ..])
            {
                options.UnionWith(Encoding.ASCII.GetString(word.AsSpan(1)));
            }
            else
            {
                operands.Add(word);
            }
        }

        return (options, operands);
    }
}

/// <summary>
/// One of the few programs that clients expect behind "exec". There is no shell: nothing else exists. Returns the exit
/// status; core errors are printed by the caller of <see cref="RemoteCommands"/>.
/// </summary>
public interface IRemoteCommand
{
    Task<int> RunAsync(RemoteCommandCall call, CancellationToken ct);
}

/// <summary>The commands by name.</summary>
public static class RemoteCommands
{
    public static IReadOnlyDictionary<string, IRemoteCommand> Over(IFiles files, TimeProvider clock) => new Dictionary<string, IRemoteCommand>
    {
        ["scp"] = new ScpCommand(files, clock),
        ["md5sum"] = new HashCommand(files, "md5"),
        ["sha1sum"] = new HashCommand(files, "sha1"),
        ["sha256sum"] = new HashCommand(files, "sha256"),
        ["sha512sum"] = new HashCommand(files, "sha512"),
        ["pwd"] = new TextCommand(static _ => "/\n"),
        ["cd"] = new FolderCommand(files),
        ["echo"] = new TextCommand(EchoText.Of),
        ["df"] = new SpaceCommand(files),
    };
}
