using System.CommandLine;
using Fluxd.Core.Admin;

namespace Fluxctl.Commands;

internal static class KeysCommand
{
    /// <summary>Far more than any public key: somebody named the wrong file.</summary>
    private const long FileBytesMax = 64 * 1024;

    private static readonly Argument<string> s_name = new("name") { Description = "The user's name" };
    private static readonly Argument<string> s_file = new("pubkeyfile") { Description = "A .pub file with one key, or - for standard input" };
    private static readonly Argument<string> s_key = new("key") { Description = "The key's number or SHA256:… fingerprint" };

    public static Command Make() => new Verb("keys", "SSH public keys of users.").With(
        new Verb(
            "add", "Lets a key log in. The options from=\"…\" and expires=\"…\" in front of the key are kept.",
            "fluxctl keys add anna ~/.ssh/id_ed25519.pub", "echo 'from=\"192.0.2.0/24\",expires=\"2027-12-31\" ssh-ed25519 AAAA…' | fluxctl keys add anna -")
            .With(s_name, s_file).Does(AddAsync),
        new Verb("list", "A user's keys.", "fluxctl keys list anna").With(s_name).Does(async (context, ct) => context.Answer(
            await context.Daemon.GetAsync(PathOf(context), AdminJson.Default.IReadOnlyListSshKeyRecord, ct), AdminJson.Default.IReadOnlyListSshKeyRecord, PrintAll)),
        new Verb("remove", "Takes a key away and ends what it opened.", "fluxctl keys remove anna 3").With(s_name, s_key).Does(async (context, ct) =>
        {
            await context.Daemon.DeleteAsync(PathOf(context) + "/" + AdminClient.Part(context.Get(s_key)), ct);
            return ExitCodes.Good;
        }));

    private static string PathOf(Context context) => $"users/{AdminClient.Part(context.Get(s_name))}/keys";

    private static async Task<int> AddAsync(Context context, CancellationToken ct)
    {
        var line = await ReadAsync(context.Get(s_file), ct);
        var key = await context.Daemon.SendAsync(
            HttpMethod.Post, PathOf(context), new AddSshKeyRequest(line), AdminJson.Default.AddSshKeyRequest, AdminJson.Default.SshKeyRecord, ct);
        return context.Answer(key, AdminJson.Default.SshKeyRecord, added => Console.Out.WriteLine($"{added.User} may log in with {added.Type} {added.Fingerprint}."));
    }

    private static async Task<string> ReadAsync(string file, CancellationToken ct)
    {
        try
        {
            return file == "-" ? await Console.In.ReadToEndAsync(ct)
                : new FileInfo(file).Length > FileBytesMax ? throw CommandFailure.Usage($"{file} is too long for a public key; give the file that ends in .pub.")
                : await File.ReadAllTextAsync(file, ct);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw CommandFailure.Failed($"\"{file}\" can't be read: {failure.Message}");
        }
    }

    private static void PrintAll(IReadOnlyList<SshKeyRecord> keys) => Show.Table(
        ["NUMBER", "TYPE", "FINGERPRINT", "COMMENT", "FROM", "EXPIRES", "LAST USED"],
        keys.Select(key => new[]
        {
            Show.Count(key.Id), key.Type, key.Fingerprint, key.Comment, key.From.Length == 0 ? "anywhere" : key.From, Show.Time(key.ExpiresAt), Show.Time(key.LastUsedAt),
        }));
}
