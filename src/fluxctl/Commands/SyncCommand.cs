using System.CommandLine;
using Fluxctl.Client;
using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Transports.Client;

namespace Fluxctl.Commands;

/// <summary>One-way mirror: the argument that begins with "server:" is the server's side.</summary>
internal static class SyncCommand
{
    private const string ServerPrefix = "server:";
    private const int ParallelFiles = 8;

    private static readonly Argument<string> From = new("FROM") { Description = "A local folder, or server:/FOLDER" };
    private static readonly Argument<string> To = new("TO") { Description = "server:/FOLDER, or a local folder" };
    private static readonly Option<bool> Delete = new("--delete") { Description = "Also remove what FROM does not have" };
    private static readonly Option<bool> Force = new("--force") { Description = "Remove even very many entries" };
    private static readonly Option<bool> DryRun = new("--dry-run") { Description = "Only say what would be done" };

    public static Command Make() => ClientRun.Make(
        new Verb("sync", "Makes a folder like another, in one direction. Removes nothing unless told, and never most of a side by accident.", "fluxctl sync photos server:/photos", "fluxctl sync server:/photos backup --delete")
            .With(From, To, Delete, Force, DryRun),
        async (run, context, ct) =>
        {
            var (from, to) = (context.Get(From), context.Get(To));
            var up = to.StartsWith(ServerPrefix, StringComparison.Ordinal);
            if (up == from.StartsWith(ServerPrefix, StringComparison.Ordinal))
            {
                throw CommandFailure.Usage("One of the two folders must be on the server: write it as server:/FOLDER.");
            }

            var local = up ? from : to;
            var remote = ClientRun.Remote((up ? to : from)[ServerPrefix.Length..]);
            if (up && !Directory.Exists(local))
            {
                throw FluxException.NotFound($"There is no folder \"{local}\".");
            }

            var there = await RemoteAsync(run, remote, mustExist: !up, ct);
            var here = Directory.Exists(local) ? Mirror.ReadLocal(local) : [];
            var plan = Mirror.Plan(up ? here : there, up ? there : here, context.Get(Delete));
            Mirror.CheckRemovals(plan, up ? there.Count : here.Count, context.Get(Force));
            if (context.Get(DryRun))
            {
                Tell(run, plan);
                return;
            }

            await (up ? UpAsync(run, local, remote, plan, ct) : DownAsync(run, local, remote, plan, ct));
            run.Say(new ClientLine("done", Bytes: plan.Where(s => s.Action == MirrorAction.Copy).Sum(s => s.Size)), $"{plan.Count(s => s.Action == MirrorAction.Copy)} files, {plan.Count(s => s.Action == MirrorAction.Remove)} removals");
        });

    private static async Task<List<MirrorItem>> RemoteAsync(ClientRun run, FilePath remote, bool mustExist, CancellationToken ct) =>
        remote.IsRoot || await run.Link.FindAsync(remote, ct) is not null ? await Mirror.ReadRemoteAsync(run.Link, remote, ct)
        : mustExist ? throw FluxException.NotFound($"There is no \"{remote}\" on the server.") : [];

    private static void Tell(ClientRun run, IReadOnlyList<MirrorStep> plan)
    {
        foreach (var step in plan)
        {
            var word = step.Action.ToString().ToLowerInvariant();
            run.Say(new ClientLine(word, step.Name, step.Size), $"{word,-10} {Show.Plain(step.Name)}");
        }
    }

    private static async Task UpAsync(ClientRun run, string local, FilePath remote, IReadOnlyList<MirrorStep> plan, CancellationToken ct)
    {
        if (!remote.IsRoot)
        {
            await run.Link.MakeFolderAsync(remote, ct);
        }

        foreach (var step in plan.Where(s => s.Action == MirrorAction.MakeFolder))
        {
            await run.Link.MakeFolderAsync(FilePath.Parse(step.Name, remote), ct);
        }

        var files = plan.Where(s => s.Action == MirrorAction.Copy).Select(s => new Outgoing(Path.Combine(local, s.Name), FilePath.Parse(s.Name, remote))).ToList();
        await run.SendAllAsync(files, null, ct);
        foreach (var step in plan.Where(s => s.Action == MirrorAction.Remove))
        {
            await run.Link.RemoveAsync(FilePath.Parse(step.Name, remote), step.IsFolder, ct);
        }
    }

    private static async Task DownAsync(ClientRun run, string local, FilePath remote, IReadOnlyList<MirrorStep> plan, CancellationToken ct)
    {
        Directory.CreateDirectory(local);
        foreach (var step in plan.Where(s => s.Action == MirrorAction.MakeFolder))
        {
            Directory.CreateDirectory(Local(local, step.Name));
        }

        await EachAsync(plan.Where(s => s.Action == MirrorAction.Copy), async (step, stop) =>
        {
            var entry = await run.Link.FindAsync(FilePath.Parse(step.Name, remote), stop);
            if (entry is not null)
            {
                await run.Receiver.ReceiveAsync(entry, Local(local, step.Name), run.Progress, stop);
            }
        }, ct);
        foreach (var step in plan.Where(s => s.Action == MirrorAction.Remove))
        {
            if (step.IsFolder)
            {
                Directory.Delete(Local(local, step.Name));
            }
            else
            {
                File.Delete(Local(local, step.Name));
            }
        }
    }

    /// <summary>A name from the server must never lead out of the local folder.</summary>
    private static string Local(string root, string name)
    {
        var full = Path.GetFullPath(Path.Combine(root, name));
        return full.StartsWith(Path.GetFullPath(root) + Path.DirectorySeparatorChar, StringComparison.Ordinal)
            ? full
            : throw FluxException.Denied($"The server named \"{name}\", which would lie outside of the folder.");
    }

    private static Task EachAsync(IEnumerable<MirrorStep> steps, Func<MirrorStep, CancellationToken, Task> work, CancellationToken ct) =>
        Parallel.ForEachAsync(steps, new ParallelOptions { MaxDegreeOfParallelism = ParallelFiles, CancellationToken = ct }, async (step, stop) => await work(step, stop));
}
