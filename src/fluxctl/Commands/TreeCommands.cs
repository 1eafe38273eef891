using System.CommandLine;
using Fluxctl.Client;

namespace Fluxctl.Commands;

internal static class RmCommand
{
    private static readonly Argument<string[]> Remote = new("PATH") { Description = "Files or folders on the server", Arity = ArgumentArity.OneOrMore };
    private static readonly Option<bool> Recursive = new("--recursive", "-r") { Description = "Folders with what is in them" };

    public static Command Make() => ClientRun.Make(
        new Verb("rm", "Moves files on the server into its trash.", "fluxctl rm /old.txt", "fluxctl rm -r /old").With(Remote, Recursive),
        async (run, context, ct) =>
        {
            foreach (var path in context.Get(Remote).Select(ClientRun.Remote))
            {
                await run.Link.RemoveAsync(path, context.Get(Recursive), ct);
                run.Say(new ClientLine("removed", path.ToString()), $"{path} is in the trash");
            }
        });
}

internal static class MvCommand
{
    private static readonly Argument<string> From = new("FROM") { Description = "A file or folder on the server" };
    private static readonly Argument<string> To = new("TO") { Description = "Its new path" };
    private static readonly Option<bool> Replace = new("--replace") { Description = "Replace a file of that name" };

    public static Command Make() => ClientRun.Make(
        new Verb("mv", "Moves or renames on the server.", "fluxctl mv /a.txt /b.txt").With(From, To, Replace),
        async (run, context, ct) =>
        {
            var (from, to) = (ClientRun.Remote(context.Get(From)), ClientRun.Remote(context.Get(To)));
            await run.Link.MoveAsync(from, to, context.Get(Replace), ct);
            run.Say(new ClientLine("moved", to.ToString()), $"{from} is now {to}");
        });
}

internal static class MkdirCommand
{
    private static readonly Argument<string> Remote = new("PATH") { Description = "The folder; missing parents are made too" };

    public static Command Make() => ClientRun.Make(
        new Verb("mkdir", "Makes a folder on the server.", "fluxctl mkdir /films/2026").With(Remote),
        async (run, context, ct) =>
        {
            var path = ClientRun.Remote(context.Get(Remote));
            await run.Link.MakeFolderAsync(path, ct);
            run.Say(new ClientLine("made", path.ToString()), path.ToString());
        });
}
