using System.CommandLine;
using Fluxd.Core.Admin;

namespace Fluxctl.Commands;

internal static class SftpCommand
{
    public static Command Make() => new Verb("sftp", "The SFTP frontend.").With(
        new Verb(
            "hostkeys", "The host keys: fingerprints to compare, lines for known_hosts, SSHFP records for DNS.",
            "fluxctl sftp hostkeys", "fluxctl sftp hostkeys --json").Does(async (context, ct) => context.Answer(
                await context.Daemon.GetAsync("sftp/hostkeys", AdminJson.Default.IReadOnlyListHostKeyRecord, ct), AdminJson.Default.IReadOnlyListHostKeyRecord, Print)));

    private static void Print(IReadOnlyList<HostKeyRecord> keys)
    {
        Show.Table(["TYPE", "FINGERPRINT", "STATE"], keys.Select(key => new[] { key.Type, key.Fingerprint, key.InUse ? "in use" : "announced" }));
        Console.Out.WriteLine();
        Console.Out.WriteLine("For known_hosts, after the server's name or [name]:port:");
        foreach (var key in keys)
        {
            Console.Out.WriteLine("  " + key.PublicKey);
        }

        Console.Out.WriteLine();
        Console.Out.WriteLine("For DNS, after the server's name:");
        foreach (var record in keys.SelectMany(key => key.Sshfp))
        {
            Console.Out.WriteLine("  " + record);
        }
    }
}
