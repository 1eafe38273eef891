using System.CommandLine;
using System.Globalization;
using Fluxctl.Client;
using Fluxd.Core;
using Fluxd.Core.Files;

namespace Fluxctl.Commands;

internal static class LsCommand
{
    private static readonly Argument<string?> Remote = new("PATH") { Description = "A folder or file on the server", Arity = ArgumentArity.ZeroOrOne };

    public static Command Make() => ClientRun.Make(
        new Verb("ls", "Lists a folder on the server.", "fluxctl ls /films", "fluxctl ls --json").With(Remote),
        async (run, context, ct) =>
        {
            var path = ClientRun.Remote(context.GetOptional(Remote) ?? "/");
            var entry = await run.Link.FindAsync(path, ct) ?? throw FluxException.NotFound($"There is no \"{path}\" on the server.");
            if (entry.Kind != NodeKind.Folder)
            {
                Print(run, entry.Path, entry.Kind, entry.Size, entry.ModifiedAt);
                return;
            }

            await foreach (var child in run.Link.ListAsync(path, ct))
            {
                Print(run, child.Path, child.Kind, child.Size, child.ModifiedAt);
            }
        });

    private static void Print(ClientRun run, FilePath path, NodeKind kind, long size, DateTimeOffset modified)
    {
        var name = Show.Plain(path.Name.ToString()) + (kind == NodeKind.Folder ? "/" : "");
        var time = modified.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);
        run.Say(new ClientLine("entry", path.ToString(), size, Kind: kind.ToString().ToLowerInvariant(), ModifiedAt: modified), $"{(kind == NodeKind.File ? ClientRun.Size(size) : ""),12}  {time}  {name}");
    }
}
