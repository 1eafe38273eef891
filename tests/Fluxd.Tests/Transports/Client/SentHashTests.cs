using System.Security.Cryptography;
using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Transports.Client;
using Xunit;

namespace Fluxd.Tests.Transports.Client;

/// <summary>Both ends compare what arrived, and the server reads the whole file again only where the chain of chunks can't tell.</summary>
public sealed class SentHashTests : ClientOverTheStore
{
    private static readonly FilePath s_target = FilePath.Parse("/a");

    private int _hashes;

    private async Task<SendResult> Send(string local, Action<string>? before = null, CancellationToken ct = default)
    {
        var link = ClientEngineTests.FaultyLink.Make(Link, every: 0, before: method =>
        {
            _ = method == nameof(ILink.HashAsync) ? Interlocked.Increment(ref _hashes) : 0;
            before?.Invoke(method);
        });
        return await new FileSender(link, new ResumeNotes(Path.Combine(Folder.FullName, "notes")), TimeProvider.System).SendAsync("s", local, s_target, null, ct);
    }

    private string Local(byte[] bytes)
    {
        var path = Path.Combine(Folder.FullName, "sent");
        File.WriteAllBytes(path, bytes);
        return path;
    }

    private async Task AssertStored(byte[] bytes) =>
        Assert.Equal(SHA256.HashData(bytes), await Link.HashAsync(s_target, CancellationToken.None));

    [Fact(Timeout = 120_000)]
    public async Task A_file_that_was_cut_here_is_compared_by_its_chunks()
    {
        var bytes = RandomNumberGenerator.GetBytes(30_000_000);
        await Send(Local(bytes));
        bytes[20_000_000] ^= 1;
        await Send(Local(bytes));
        Assert.Equal(0, _hashes);
        await AssertStored(bytes);
    }

    [Fact(Timeout = 120_000)]
    public async Task What_an_earlier_run_began_is_compared_as_a_whole()
    {
        var bytes = RandomNumberGenerator.GetBytes(40_000_000);
        var local = Local(bytes);
        using var kill = new CancellationTokenSource();
        var appends = 0;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Send(
            local,
            method =>
            {
                if (method == nameof(ILink.AppendAsync) && Interlocked.Increment(ref appends) == 3)
                {
                    kill.Cancel();
                }
            },
            kill.Token));
        Assert.True((await Send(local)).Resumed);
        Assert.Equal(1, _hashes);
        await AssertStored(bytes);
    }

    [Fact(Timeout = 120_000)]
    public async Task Another_content_under_the_name_is_found_out()
    {
        var bytes = RandomNumberGenerator.GetBytes(10_000_000);
        var stranger = RandomNumberGenerator.GetBytes(1000);
        var fault = await Assert.ThrowsAsync<FluxException>(() => Send(Local(bytes), method =>
        {
            // Somebody replaces it between the end and the comparison.
            if (method == nameof(ILink.HashAsync) || method == nameof(ILink.FindAsync))
            {
                Task.Run(() => Link.PutAsync(s_target, stranger, SHA256.HashData(stranger), DateTimeOffset.UnixEpoch, CancellationToken.None)).GetAwaiter().GetResult();
            }
        }));
        Assert.Equal(FluxError.Corrupt, fault.Error);
        Assert.InRange(_hashes, 1, 2);
    }
}
