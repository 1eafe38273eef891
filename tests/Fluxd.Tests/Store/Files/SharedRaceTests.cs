using System.Collections.Concurrent;
using System.Text;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Store;
using Fluxd.Store.Upkeep.Check;
using Fluxd.Testing;
using Fluxd.Testing.Store;
using Xunit;
using Xunit.Abstractions;

namespace Fluxd.Tests.Store.Files;

/// <summary>
/// Several users at once in one shared folder, where nobody can say what an operation finds. What must be true whatever
/// came first: no file is half of one writer's bytes and half of another's, what is only moved is neither lost nor there
/// twice, no answer is a surprise, and in the end all see one tree, the quota counts what it holds, and the store is whole.
/// </summary>
public sealed class SharedRaceTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const int Steps = 250;
    private const int Users = 4;
    private const int Tokens = 8;
    private const int FolderId = 1;

    private static readonly CancellationToken Ct = CancellationToken.None;
    private static readonly string[] s_names = ["a", "b", "c"];

    /// <summary>Somebody else was faster.</summary>
    private static readonly FluxError[] s_losses =
        [FluxError.NotFound, FluxError.Exists, FluxError.NotEmpty, FluxError.IsFolder, FluxError.NotFolder, FluxError.Conflict, FluxError.Invalid, FluxError.Fenced];

    private readonly TestTrees _trees = new(packBytes: StoreLimits.PackBytesMin);
    private readonly ConcurrentDictionary<string, int> _outcomes = [];

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => _trees.DisposeAsync().AsTask();

    [Theory(Timeout = 240_000)]
    [InlineData(1)]
    [InlineData(0)]
    public async Task Whatever_users_do_to_each_other_in_a_shared_folder_it_stays_whole(int seed)
    {
        seed = seed == 0 ? Environment.TickCount : seed;
        output.WriteLine($"seed {seed}");
        var users = Enumerable.Range(0, Users).Select(i => People.Make(1000 + i, $"user{i}")).ToList();
        foreach (var user in users)
        {
            _trees.Add(user);
            _trees.Share(FolderId, "team", user, FolderAccess.Write);
        }

        await _trees.Files.MakeFolderAsync(users[0], P("/team/tokens"), null, parents: true, Ct);
        for (var token = 0; token < Tokens; token++)
        {
            await PutAsync(users[0], P($"/team/tokens/{token}"), Text($"token {token}", token));
        }

        await Task.WhenAll(users.Select((user, i) => Task.Run(() => LiveAsync(user, new Random(seed + (i * 7919))))));
        output.WriteLine(string.Join(", ", _outcomes.OrderBy(entry => entry.Key).Select(entry => $"{entry.Key} {entry.Value}")));
        await CheckAsync(users);
    }

    private async Task LiveAsync(Principal who, Random random)
    {
        for (var step = 0; step < Steps; step++)
        {
            var (what, work) = Choose(who, random, $"{who.UserName} {step}");
            try
            {
                await work();
                Count(what);
            }
            catch (FluxException e) when (s_losses.Contains(e.Error))
            {
                Count($"{what}: {e.Error}");
            }
        }
    }

    private (string What, Func<Task> Work) Choose(Principal who, Random random, string author)
    {
        var (one, two, replace) = (RandomPath(random), RandomPath(random), random.Next(2) == 0);
        var bytes = Text(author, random.Next(200));
        var (from, to) = (P($"/team/tokens/{random.Next(2 * Tokens)}"), P($"/team/tokens/{random.Next(2 * Tokens)}"));
        return random.Next(12) switch
        {
            0 or 1 => ("put", () => PutAsync(who, one, bytes)),
            2 => ("mkdir", () => _trees.Files.MakeFolderAsync(who, one, null, replace, Ct)),
            3 => ("remove", () => _trees.Files.RemoveFileAsync(who, one, Precondition.None, Ct)),
            4 => ("rmdir", () => _trees.Files.RemoveFolderAsync(who, one, replace, Ct)),
            5 => ("rename", () => _trees.Files.RenameAsync(who, one, two, replace, Ct)),
            6 => ("copy", () => _trees.Files.CopyAsync(who, one, two, replace, Ct)),
            7 => ("list", () => _trees.Files.ListAsync(who, one.Parent, new ListRequest { Count = 2 }, Ct).AsTask()),
            8 => ("read", async () => RequireWhole(one, await ReadAsync(who, one))),
            9 => ("replace while open", () => ReplaceSlowlyAsync(who, one, bytes)),
            _ => ("token", () => _trees.Files.RenameAsync(who, from, to, replace: false, Ct)),
        };
    }

    /// <summary>A handle that others see nothing of until it is closed.</summary>
    private async Task ReplaceSlowlyAsync(Principal who, FilePath path, byte[] bytes)
    {
        await using var file = await _trees.Files.OpenAsync(who, path, new OpenRequest { Access = OpenAccess.Write, Truncate = true }, Ct);
        foreach (var piece in bytes.Chunk(500).Select((piece, i) => (piece, i)))
        {
            await file.WriteAsync(piece.i * 500, piece.piece, Ct);
            await Task.Yield();
        }

        await file.CloseAsync(Ct);
    }

    private async Task CheckAsync(List<Principal> users)
    {
        var seen = await DumpAsync(users[0], P("/team"));
        foreach (var user in users[1..])
        {
            Assert.Equal(seen, await DumpAsync(user, P("/team")));
        }

        var tokens = seen.Where(entry => entry.Key.StartsWith("/team/tokens/", StringComparison.Ordinal)).Select(entry => FirstLine(entry.Value)).Order();
        Assert.Equal(Enumerable.Range(0, Tokens).Select(token => $"token {token}"), tokens);
        Assert.True(_outcomes.GetValueOrDefault("token") > Tokens && _outcomes.GetValueOrDefault("put") > Users && _outcomes.GetValueOrDefault("rename") > 0);
        var check = await new StoreCheck(Path.Combine(_trees.Folder, "catalog.db"), _trees.Packs).RunAsync(readData: true, Ct);
        Assert.True(check.IsClean, string.Join('\n', check.Findings));
    }

    private async Task<SortedDictionary<string, string>> DumpAsync(Principal who, FilePath folder)
    {
        var found = new SortedDictionary<string, string>(StringComparer.Ordinal);
        var folders = new Stack<FilePath>([folder]);
        while (folders.TryPop(out var next))
        {
            foreach (var node in (await _trees.Files.ListAsync(who, next, new ListRequest(), Ct)).Entries)
            {
                var path = next.Append(node.Name);
                if (node.Kind == NodeKind.Folder)
                {
                    folders.Push(path);
                }
                else
                {
                    found.Add(path.ToString(), RequireWhole(path, await ReadAsync(who, path)));
                }
            }
        }

        return found;
    }

    private async Task PutAsync(Principal who, FilePath path, byte[] bytes)
    {
        await using var file = await _trees.Files.OpenAsync(who, path, new OpenRequest { Access = OpenAccess.Write, Create = true, Truncate = true }, Ct);
        await file.WriteAsync(0, bytes, Ct);
        await file.CloseAsync(Ct);
    }

    private async Task<byte[]> ReadAsync(Principal who, FilePath path)
    {
        await using var file = await _trees.Files.OpenAsync(who, path, new OpenRequest { Access = OpenAccess.Read }, Ct);
        var bytes = new byte[20_000];
        var length = 0;
        while (await file.ReadAsync(length, bytes.AsMemory(length), Ct) is > 0 and var got)
        {
            length += got;
        }

        return bytes[..length];
    }

    /// <summary>One line, so many times.</summary>
    private static byte[] Text(string line, int more) => Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat($"{line} of {more}\n", 1 + more)));

    private static string RequireWhole(FilePath path, byte[] bytes)
    {
        var lines = Encoding.UTF8.GetString(bytes).Split('\n');
        Assert.True(lines[0].EndsWith($" of {lines.Length - 2}", StringComparison.Ordinal) && lines[..^1].All(line => line == lines[0]), $"{path} is no file that anybody wrote");
        return Encoding.UTF8.GetString(bytes);
    }

    private static string FirstLine(string text) => text[..text.IndexOf(" of ", StringComparison.Ordinal)];

    private static FilePath RandomPath(Random random) =>
        FilePath.From(Enumerable.Range(0, random.Next(1, 3)).Select(_ => FileName.From(s_names[random.Next(s_names.Length)])).Prepend(FileName.From("team")));

    private void Count(string what) => _outcomes.AddOrUpdate(what, 1, (_, count) => count + 1);

    private static FilePath P(string path) => FilePath.Parse(path);
}
