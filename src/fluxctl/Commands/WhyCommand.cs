using System.CommandLine;
using Fluxd.Core.Admin;

namespace Fluxctl.Commands;

internal static class WhyCommand
{
    private static readonly Argument<string?> s_id = new("id") { Description = "The transfer's id, as logs and errors show it; without one, the newest are listed", Arity = ArgumentArity.ZeroOrOne };

    public static Command Make() => new Verb("why", "What happened to a transfer: bytes durable, who limited, who closed.", "fluxctl why", "fluxctl why 7K2mQx")
        .With(s_id)
        .Does(async (context, ct) => context.GetOptional(s_id) is { } id
            ? context.Answer(
                await context.Daemon.GetAsync("transfers/" + AdminClient.Part(id), AdminJson.Default.TransferRecord, ct), AdminJson.Default.TransferRecord, Print)
            : context.Answer(
                await context.Daemon.GetAsync("transfers", AdminJson.Default.IReadOnlyListTransferRecord, ct), AdminJson.Default.IReadOnlyListTransferRecord, PrintAll));

    private static void Print(TransferRecord transfer)
    {
        Show.Lines(
            ("transfer", transfer.Id),
            ("what", $"{transfer.Kind} over {transfer.Frontend} by {transfer.User} from {transfer.Peer}"),
            ("started", Show.Time(transfer.StartedAt)),
            ("ended", transfer.EndedAt is null ? "still running" : Show.Time(transfer.EndedAt)),
            ("outcome", transfer.Outcome ?? "none yet"),
            ("bytes", $"{transfer.BytesAccepted} accepted, {transfer.BytesDurable} durable"));
        foreach (var line in transfer.Events)
        {
            Console.Out.WriteLine($"  {Show.Time(line.At)}  {Show.Plain(line.What)}");
        }
    }

    private static void PrintAll(IReadOnlyList<TransferRecord> transfers) => Show.Table(
        ["ID", "STARTED", "WHO", "OVER", "KIND", "DURABLE", "OUTCOME"],
        transfers.Select(transfer => new[]
        {
            transfer.Id, Show.Time(transfer.StartedAt), transfer.User, transfer.Frontend, transfer.Kind, Show.Size(transfer.BytesDurable), transfer.Outcome ?? "running",
        }));
}
