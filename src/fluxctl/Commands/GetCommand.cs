using System.CommandLine;
using Fluxctl.Client;
using Fluxd.Core;
using Fluxd.Core.Files;

namespace Fluxctl.Commands;

internal static class GetCommand
{
    private static readonly Argument<string> Remote = new("PATH") { Description = "A file on the server" };
    private static readonly Argument<string?> Local = new("LOCAL") { Description = "Where to; else its own name here", Arity = ArgumentArity.ZeroOrOne };

    public static Command Make() => ClientRun.Make(
        new Verb("get", "Receives a file: in parallel, resumed after anything, compared by hash before it gets its name.", "fluxctl get /films/film.mkv").With(Remote, Local),
        async (run, context, ct) =>
        {
            var path = ClientRun.Remote(context.Get(Remote));
            var entry = await run.Link.FindAsync(path, ct) ?? throw FluxException.NotFound($"There is no \"{path}\" on the server.");
            if (entry.Kind == NodeKind.Folder)
            {
                throw new FluxException(FluxError.IsFolder, $"\"{path}\" is a folder; use fluxctl sync.");
            }

            var local = context.GetOptional(Local) ?? path.Name.ToString();
            local = Directory.Exists(local) ? Path.Combine(local, path.Name.ToString()) : local;
            var moved = await run.Receiver.ReceiveAsync(entry, local, run.Progress, ct);
            run.Say(new ClientLine("received", path.ToString(), entry.Size, moved), $"{local}  {ClientRun.Size(entry.Size)}");
        });
}
