using System.Security.Cryptography;
using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Transports.Client;
using Xunit;

namespace Fluxd.Tests.Transports.Client;

/// <summary>Many small files share requests, and each is answered for itself.</summary>
public sealed class ManySenderTests : ClientOverTheStore
{
    private readonly Dictionary<string, Sent> _settled = [];

    private Outgoing Make(string name, int size)
    {
        var path = Path.Combine(Folder.FullName, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, RandomNumberGenerator.GetBytes(size));
        return new Outgoing(path, FilePath.Parse("/in/" + name));
    }

    private async Task Send(IReadOnlyList<Outgoing> files, ILink? link = null, int? partBytes = null)
    {
        var over = link ?? Link;
        var single = new FileSender(over, new ResumeNotes(Path.Combine(Folder.FullName, "notes")), TimeProvider.System) { PartBytes = partBytes };
        await new ManySender(over, single).SendAsync("s", files, sent => _settled.Add(sent.File.Target.ToString(), sent), null, CancellationToken.None);
        Assert.Equal(files.Count, _settled.Count);
    }

    private async Task<byte[]> Stored(FilePath path)
    {
        var entry = (await Link.FindAsync(path, CancellationToken.None))!;
        var bytes = new byte[entry.Size];
        if (bytes.Length > 0)
        {
            await Link.ReadAsync(path, entry.Tag!, 0, bytes, CancellationToken.None);
        }

        return bytes;
    }

    private async Task AssertAllArrived(IEnumerable<Outgoing> files)
    {
        foreach (var file in files)
        {
            Assert.Null(_settled[file.Target.ToString()].Fault);
            Assert.Equal(await File.ReadAllBytesAsync(file.LocalPath), await Stored(file.Target));
        }
    }

    [Fact(Timeout = 120_000)]
    public async Task Small_files_share_requests_and_large_ones_go_alone()
    {
        var files = Enumerable.Range(0, 250).Select(i => Make($"{i % 7}/{new string('n', i % 120)}{i}", i * 31 % 5000)).Append(Make("large", 3_000_000)).ToList();
        var batches = 0;
        var link = ClientEngineTests.FaultyLink.Make(Link, every: 0, before: method => _ = method == nameof(ILink.PutManyAsync) ? Interlocked.Increment(ref batches) : 0);
        await Send(files, link);
        Assert.Equal(1, batches);
        await AssertAllArrived(files);
        Assert.Equal(File.GetLastWriteTimeUtc(files[3].LocalPath), (await Link.FindAsync(files[3].Target, CancellationToken.None))!.ModifiedAt.UtcDateTime, TimeSpan.FromSeconds(1));
    }

    [Fact(Timeout = 120_000)]
    public async Task One_that_is_refused_does_not_hold_the_others()
    {
        await Link.MakeFolderAsync(FilePath.Parse("/in/b"), CancellationToken.None);
        var files = new[] { "a", "b", "c" }.Select(name => Make("x" + name, 100) with { Target = FilePath.Parse("/in/" + name) }).ToList();
        await Send(files);
        Assert.Equal(FluxError.IsFolder, _settled["/in/b"].Fault!.Error);
        await AssertAllArrived([files[0], files[2]]);
    }

    [Fact(Timeout = 120_000)]
    public async Task Bytes_that_were_damaged_on_the_way_are_refused_by_themselves()
    {
        byte[] good = [1, 2, 3], bad = [4, 5, 6];
        var faults = await Link.PutManyAsync(
            [new(FilePath.Parse("/good"), good, SHA256.HashData(good), DateTimeOffset.UnixEpoch), new(FilePath.Parse("/bad"), bad, SHA256.HashData(good), DateTimeOffset.UnixEpoch)],
            CancellationToken.None);
        Assert.Null(faults[0]);
        Assert.Equal(FluxError.Conflict, faults[1]!.Error);
        Assert.Equal(good, await Stored(FilePath.Parse("/good")));
        Assert.Null(await Link.FindAsync(FilePath.Parse("/bad"), CancellationToken.None));
    }

    [Fact(Timeout = 120_000)]
    public async Task A_file_that_comes_again_keeps_its_permissions()
    {
        var file = Make("kept", 100);
        await Send([file, Make("other", 100)]);
        var path = file.Target;
        await Trees.Files.SetAttributesAsync(Fluxd.Testing.People.Anna, path, new AttributeChange { Mode = 0b110_000_000 }, followLink: true, CancellationToken.None);
        File.WriteAllBytes(file.LocalPath, [7]);
        _settled.Clear();
        await Send([file, Make("another", 100)]);
        Assert.Equal(0b110_000_000, (await Trees.Files.StatAsync(Fluxd.Testing.People.Anna, path, followLink: true, CancellationToken.None)).Mode);
        Assert.Equal([7], await Stored(path));
    }

    [Fact(Timeout = 120_000)]
    public async Task A_cap_on_bodies_only_makes_the_batches_smaller()
    {
        var files = Enumerable.Range(0, 40).Select(i => Make($"{i}", 2000)).ToList();
        var refusals = 3;
        var link = ClientEngineTests.FaultyLink.Make(Link, every: 0, before: method =>
        {
            if (method == nameof(ILink.PutManyAsync) && Interlocked.Decrement(ref refusals) >= 0)
            {
                throw new FluxException(FluxError.TooLarge, "413");
            }
        });
        await Send(files, link);
        await AssertAllArrived(files);
    }

    [Fact(Timeout = 120_000)]
    public async Task Files_larger_than_a_small_part_go_each_in_its_own_request()
    {
        var files = Enumerable.Range(0, 10).Select(i => Make($"{i}", i % 2 == 0 ? 100_000 : 100)).ToList();
        await Send(files, partBytes: 1);
        await AssertAllArrived(files);
    }

    [Fact(Timeout = 120_000)]
    public async Task Every_third_call_may_fail_before_or_after_it_worked()
    {
        var files = Enumerable.Range(0, 60).Select(i => Make($"{i}", 100_000)).ToList();
        await Send(files, new RetryingLink(ClientEngineTests.FaultyLink.Make(Link, every: 3), new ClientEngineTests.InstantTime()));
        await AssertAllArrived(files);
    }

    [Fact(Timeout = 120_000)]
    public async Task A_file_that_vanished_is_told_and_the_others_go()
    {
        var files = new[] { Make("a", 10), Make("gone", 10), Make("b", 10) };
        File.Delete(files[1].LocalPath);
        await Send(files);
        Assert.NotNull(_settled["/in/gone"].Fault);
        await AssertAllArrived([files[0], files[2]]);

        _settled.Clear();
        await Send([files[1]]);
        Assert.NotNull(_settled["/in/gone"].Fault);
    }
}
