using System.CommandLine;
using Fluxctl.Client;
using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Transports.Client;

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
            var locals = context.Get(Local);
            var files = locals.Select(local =>
            {
                if (!File.Exists(local))
                {
                    throw FluxException.NotFound(Directory.Exists(local) ? $"\"{local}\" is a folder; use fluxctl sync." : $"There is no file \"{local}\".");
                }

                var folder = ClientRun.Remote(to);
                return new Outgoing(local, to.EndsWith('/') || locals.Length > 1 ? folder.Append(FileName.From(Path.GetFileName(local))) : folder);
            }).ToList();
            if (files.DistinctBy(file => file.Target).Count() < files.Count)
            {
                throw CommandFailure.Usage("Two of the files have the same name; send them to different folders.");
            }

            await run.SendAllAsync(files, sent => run.Say(
                new ClientLine("sent", sent.File.Target.ToString(), sent.Result!.Bytes, sent.Result.BytesMoved, Resumed: sent.Result.Resumed),
                $"{sent.File.Target}  {ClientRun.Size(sent.Result.Bytes)}, {ClientRun.Size(sent.Result.BytesMoved)} sent"), ct);
        });
}
