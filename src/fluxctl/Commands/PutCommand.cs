using System.CommandLine;
using Fluxctl.Client;
using Fluxd.Core;
using Fluxd.Core.Files;

namespace Fluxctl.Commands;

internal static class PutCommand
{
    private static readonly Argument<string[]> Local = new("LOCAL") { Description = "Files to send", Arity = ArgumentArity.OneOrMore };
    private static readonly Option<string> To = new("--to") { Description = "The folder on the server, or the new name of a single file when it does not end in /", DefaultValueFactory = _ => "/", HelpName = "PATH" };

    public static Command Make() => ClientRun.Make(
        new Verb("put", "Sends files: only what the server lacks, resumed after anything, compared by hash at the end.", "fluxctl put film.mkv --to /films/", "fluxctl put a b c").With(Local, To),
        async (run, context, ct) =>
        {
            var to = context.Get(To) ?? "/";
            foreach (var local in context.Get(Local))
            {
                if (!File.Exists(local))
                {
                    throw FluxException.NotFound(Directory.Exists(local) ? $"\"{local}\" is a folder; use fluxctl sync." : $"There is no file \"{local}\".");
                }

                var folder = ClientRun.Remote(to);
                var target = to.EndsWith('/') || context.Get(Local).Length > 1 ? folder.Append(FileName.From(Path.GetFileName(local))) : folder;
                var sent = await run.Sender.SendAsync(run.Server, local, target, run.Progress, ct);
                run.Say(new ClientLine("sent", target.ToString(), sent.Bytes, sent.BytesMoved, Resumed: sent.Resumed), $"{target}  {ClientRun.Size(sent.Bytes)}, {ClientRun.Size(sent.BytesMoved)} sent");
            }
        });
}
