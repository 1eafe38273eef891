using Fluxd.Core.Files;
using Fluxd.Store.Files;
using Xunit;

namespace Fluxd.Tests.Store.Files;

/// <summary>What is offered for resuming never mixes an old beginning with a new end.</summary>
public sealed class OverwrittenUploadTests : TreesFixture
{
    private const int Size = (int)FilesLimits.KeepFrom + 500_000;
    private static readonly OpenRequest s_writing = new() { Access = OpenAccess.ReadWrite, Create = true };

    [Theory(Timeout = TimeoutMs)]
    [InlineData(0, 1_000_000)]
    [InlineData(1_234_567, 10)]
    [InlineData(Size - 5, 100)]
    public async Task A_beginning_that_was_written_over_is_resumed_as_it_was_written_last(int at, int count)
    {
        var bytes = Noise(Size);
        await using (var file = await Trees.Files.OpenAsync(Anna, P("/a"), s_writing, Ct))
        {
            await file.WriteAsync(0, bytes, Ct);
            var change = Noise(count + 1)[1..];
            bytes = [.. bytes[..at], .. change, .. bytes[Math.Min(Size, at + count)..]];
            await file.WriteAsync(at, change, Ct);
        }

        var left = await Trees.Files.StatWithPartialsAsync(Anna, P("/a"), true, Ct);
        Assert.Equal((bytes.Length, true), (left.Size, left.IsPartial));
        await using (var file = await Trees.Files.OpenAsync(Anna, P("/a"), s_writing with { ContinuePartial = true }, Ct))
        {
            await file.WriteAsync(bytes.Length, "end"u8.ToArray(), Ct);
            await file.CloseAsync(Ct);
        }

        var read = await ReadAll("/a");
        Assert.Equal([.. bytes, .. "end"u8], read);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Nothing_behind_an_overwritten_place_is_offered_even_if_the_daemon_dies_there()
    {
        await using var file = await Trees.Files.OpenAsync(Anna, P("/a"), s_writing, Ct);
        await file.WriteAsync(0, Noise(Size), Ct);
        Assert.True(await Kept() >= FilesLimits.KeepFrom);
        await file.WriteAsync(1000, "new"u8.ToArray(), Ct);
        Assert.Equal(1000, await Kept());
        await file.WriteAsync(2000, "new"u8.ToArray(), Ct);
        Assert.Equal(1000, await Kept());
        await file.TruncateAsync(10, Ct);
        Assert.Equal(10, await Kept());
        await file.TruncateAsync(0, Ct);
        Assert.Null(await Kept());
        await file.WriteAsync(0, "x"u8.ToArray(), Ct);
        await file.CloseAsync(Ct);
        Assert.Equal("x"u8.ToArray(), await ReadAll("/a"));
        Assert.Null(await Kept());
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_hole_ends_what_is_kept()
    {
        await using (var file = await Trees.Files.OpenAsync(Anna, P("/a"), s_writing, Ct))
        {
            await file.WriteAsync(0, Noise(1000), Ct);
            await file.WriteAsync(5000, "far"u8.ToArray(), Ct);
            await file.WriteAsync(0, "near"u8.ToArray(), Ct);
        }

        Assert.Equal(1000, (await Trees.Files.StatWithPartialsAsync(Anna, P("/a"), true, Ct)).Size);
    }

    private async Task<long?> Kept() => (await Trees.Uploads.ListAsync(Anna, null, 10, Ct)).Entries.SingleOrDefault()?.DurableOffset;

    private async Task<byte[]> ReadAll(string path)
    {
        await using var file = await Trees.Files.OpenAsync(Anna, P(path), new OpenRequest { Access = OpenAccess.Read }, Ct);
        var bytes = new byte[8 << 20];
        return bytes[..await file.ReadAsync(0, bytes, Ct)];
    }

    private static byte[] Noise(int length)
    {
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return bytes;
    }
}
