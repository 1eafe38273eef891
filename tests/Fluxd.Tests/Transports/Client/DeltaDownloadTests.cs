using System.Security.Cryptography;
using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Transports.Client;
using Xunit;

namespace Fluxd.Tests.Transports.Client;

/// <summary>A changed file comes by what the local copy lacks, over the real store.</summary>
public sealed class DeltaDownloadTests : ClientOverTheStore
{
    private string Back => Path.Combine(Folder.FullName, "back");

    private async Task<RemoteEntry> Upload(byte[] bytes)
    {
        var local = Path.Combine(Folder.FullName, "sent");
        await File.WriteAllBytesAsync(local, bytes);
        await new FileSender(Link, new ResumeNotes(Path.Combine(Folder.FullName, "notes")), TimeProvider.System)
            .SendAsync("s", local, FilePath.Parse("/a"), null, CancellationToken.None);
        File.Delete(local);
        return (await Link.FindAsync(FilePath.Parse("/a"), CancellationToken.None))!;
    }

    private async Task<long> Receive(RemoteEntry entry, ILink? link = null, CancellationToken ct = default) =>
        await new FileReceiver(link ?? Link, TimeProvider.System).ReceiveAsync(entry, Back, null, ct);

    [Fact(Timeout = 120_000)]
    public async Task A_changed_file_loads_about_what_changed()
    {
        var bytes = RandomNumberGenerator.GetBytes(24_000_000);
        Assert.Equal(bytes.Length, await Receive(await Upload(bytes)));
        foreach (var place in new[] { 5, 9_000_000, 23_999_999 })
        {
            bytes[place] ^= 1;
        }

        Assert.InRange(await Receive(await Upload(bytes)), 3, 6 * 256 * 1024);
        Assert.Equal(bytes, await File.ReadAllBytesAsync(Back));
        Assert.Equal(0, await Receive(await Upload(bytes)));
    }

    [Fact(Timeout = 120_000)]
    public async Task Bytes_that_moved_are_found_where_they_were()
    {
        var bytes = RandomNumberGenerator.GetBytes(12_000_000);
        await Receive(await Upload(bytes));
        byte[] moved = [.. bytes[7_000_000..], .. RandomNumberGenerator.GetBytes(1000), .. bytes[..6_500_000]];
        Assert.InRange(await Receive(await Upload(moved)), 1000, 6 * 256 * 1024);
        Assert.Equal(moved, await File.ReadAllBytesAsync(Back));
    }

    [Fact(Timeout = 120_000)]
    public async Task A_copy_that_has_nothing_in_common_spares_nothing_and_harms_nothing()
    {
        await File.WriteAllBytesAsync(Back, RandomNumberGenerator.GetBytes(5_000_000));
        var bytes = RandomNumberGenerator.GetBytes(9_000_001);
        Assert.Equal(bytes.Length, await Receive(await Upload(bytes)));
        Assert.Equal(bytes, await File.ReadAllBytesAsync(Back));
    }

    [Fact(Timeout = 120_000)]
    public async Task A_run_that_was_killed_leaves_the_older_copy_and_the_next_goes_on()
    {
        var bytes = RandomNumberGenerator.GetBytes(40_000_000);
        await Receive(await Upload(bytes));
        var before = (byte[])bytes.Clone();
        RandomNumberGenerator.Fill(bytes.AsSpan(10_000_000, 20_000_000));
        var entry = await Upload(bytes);
        using var kill = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Receive(entry, ClientEngineTests.FaultyLink.KillAtRead(Link, ClientLimits.Parallel + 1, kill), ct: kill.Token));
        Assert.Equal(before, await File.ReadAllBytesAsync(Back));

        // One of the changed pieces at least had come.
        Assert.InRange(await Receive(entry), 1, 20_000_000);
        Assert.Equal(bytes, await File.ReadAllBytesAsync(Back));
        Assert.Equal(["back"], Folder.GetFiles("*back*").Select(file => file.Name));
    }

    [Fact(Timeout = 120_000)]
    public async Task Every_third_call_may_fail()
    {
        var bytes = RandomNumberGenerator.GetBytes(24_000_000);
        await Receive(await Upload(bytes));
        for (var i = 0; i < 40; i++)
        {
            bytes[i * 600_000] ^= 1;
        }

        var link = new RetryingLink(ClientEngineTests.FaultyLink.Make(Link, every: 3), new ClientEngineTests.InstantTime());
        Assert.InRange(await Receive(await Upload(bytes), link), 40, 12_000_000);
        Assert.Equal(bytes, await File.ReadAllBytesAsync(Back));
    }

    [Fact(Timeout = 120_000)]
    public async Task A_copy_that_lies_is_found_out_and_nothing_gets_the_name()
    {
        var bytes = RandomNumberGenerator.GetBytes(8_000_000);
        await Receive(await Upload(bytes));
        bytes[4_000_000] ^= 1;
        var entry = await Upload(bytes);

        // It changes between the look at it and the copying: what was promised is no longer there.
        var changed = false;
        var link = ClientEngineTests.FaultyLink.Make(Link, every: 0, before: method =>
        {
            if (method == nameof(ILink.RecipeAsync) && !changed)
            {
                changed = true;

                // By a program that knows nothing of the runtime's locks.
                using var other = System.Diagnostics.Process.Start("dd", ["if=/dev/zero", "of=" + Back, "bs=1000000", "count=1", "conv=notrunc", "status=none"]);
                other.WaitForExit();
            }
        });
        var error = await Assert.ThrowsAsync<FluxException>(() => Receive(entry, link));
        Assert.Equal(FluxError.Corrupt, error.Error);
        await Receive(entry);
        Assert.Equal(bytes, await File.ReadAllBytesAsync(Back));
    }

    [Fact(Timeout = 120_000)]
    public async Task A_copy_that_may_not_be_read_is_replaced_all_the_same()
    {
        var bytes = RandomNumberGenerator.GetBytes(5_000_000);
        await Receive(await Upload(bytes));
        bytes[0] ^= 1;
        var entry = await Upload(bytes);
        await using (var held = new FileStream(Back, FileMode.Open, FileAccess.ReadWrite, FileShare.None))
        {
            Assert.Equal(bytes.Length, await Receive(entry));
        }

        Assert.Equal(bytes, await File.ReadAllBytesAsync(Back));
    }
}
