using System.CommandLine;
using Fluxd.Core.Admin;

namespace Fluxctl.Commands;

internal static class SessionsCommand
{
    private static readonly Argument<string> s_id = new("id") { Description = "The session's id" };

    public static Command Make() => new Verb("sessions", "Who is connected now.").With(
        new Verb("list", "All live sessions.", "fluxctl sessions list").Does(async (context, ct) => context.Answer(
            await context.Daemon.GetAsync("sessions", AdminJson.Default.IReadOnlyListSessionRecord, ct), AdminJson.Default.IReadOnlyListSessionRecord,
            sessions => Show.Table(
                ["ID", "USER", "OVER", "FROM", "SINCE", "CLIENT"],
                sessions.Select(session => new[] { session.Id, session.User, session.Frontend, session.Peer, Show.Time(session.StartedAt), session.Client })))),
        new Verb("kill", "Ends a session at once. What it committed stays; the rest can be resumed.", "fluxctl sessions kill Zk3v9x2m4p7q").With(s_id)
            .Does(async (context, ct) => context.Answer(
                await context.Daemon.DeleteAsync("sessions/" + AdminClient.Part(context.Get(s_id)), AdminJson.Default.SessionRecord, ct), AdminJson.Default.SessionRecord,
                session => Console.Out.WriteLine($"The session of {session.User} from {session.Peer} was ended."))));
}
