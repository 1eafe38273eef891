using Fluxd.Core.Files;
using Xunit;

namespace Fluxd.Tests.Store.Files;

/// <summary>Copying a range between open files shares chunks: the bytes between are not even read.</summary>
public sealed class CopyRangeTests : TreesFixture
{
    private const int Size = 6 << 20;

    [Theory(Timeout = TimeoutMs)]
    [InlineData(0, 0)]
    [InlineData(0, Size - 100)]
    [InlineData(1_234_567, 0)]
    [InlineData(1_234_567, 2_000_000)]
    public async Task A_range_is_the_same_bytes(int from, int count)
    {
        var bytes = await PutNoise("/a");
        var copied = await Copy("/a", "/b", from, 0, count);
        var expected = bytes[from..(count == 0 ? Size : from + count)];
        Assert.Equal(expected.Length, copied);
        Assert.True(Same(expected, await ReadAll("/b")));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Chunks_between_the_edges_are_not_read()
    {
        await PutNoise("/a");

        // Whoever reads the middle finds it damaged; a copy of all neither reads nor changes it.
        var pack = Directory.GetFiles(Trees.Folder, "*.pack", SearchOption.AllDirectories).MaxBy(path => new FileInfo(path).Length)!;
        await using (var file = new FileStream(pack, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.Position = Size / 2;
            await file.WriteAsync(new byte[4096], Ct);
        }

        Assert.Equal(Size, await Copy("/a", "/b", 0, 0, 0));
        Assert.Equal((await Trees.Files.StatAsync(Anna, P("/a"), true, Ct)).ContentTag.ToArray(), (await Trees.Files.StatAsync(Anna, P("/b"), true, Ct)).ContentTag.ToArray());
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_range_over_old_bytes_goes_through_memory_and_is_right()
    {
        var bytes = await PutNoise("/a");
        await Put("/b", new string('x', 1000));
        Assert.Equal(5000, await Copy("/a", "/b", 70_000, 500, 5000));
        byte[] expected = [.. Enumerable.Repeat((byte)'x', 500), .. bytes[70_000..75_000]];
        Assert.True(Same(expected, await ReadAll("/b")));
        Assert.Equal(300, await Copy("/b", "/b", 0, 5500, 300));
        expected = [.. expected, .. expected[..300]];
        Assert.True(Same(expected, await ReadAll("/b")));
    }

    private static bool Same(byte[] expected, byte[] actual) => expected.AsSpan().SequenceEqual(actual);

    private async Task<long> Copy(string from, string to, long fromOffset, long toOffset, long count)
    {
        await using var source = await Trees.Files.OpenAsync(Anna, P(from), new OpenRequest { Access = OpenAccess.Read }, Ct);
        await using var target = await Trees.Files.OpenAsync(Anna, P(to), new OpenRequest { Access = OpenAccess.Write, Create = true }, Ct);
        var copied = await Trees.Files.CopyRangeAsync(source, fromOffset, target, toOffset, count, Ct);
        await target.CloseAsync(Ct);
        return copied;
    }

    private async Task<byte[]> PutNoise(string path)
    {
        var bytes = new byte[Size];
        new Random(8).NextBytes(bytes);
        await using var file = await Trees.Files.OpenAsync(Anna, P(path), new OpenRequest { Access = OpenAccess.Write, Create = true }, Ct);
        await file.WriteAsync(0, bytes, Ct);
        await file.CloseAsync(Ct);
        return bytes;
    }

    private async Task<byte[]> ReadAll(string path)
    {
        await using var file = await Trees.Files.OpenAsync(Anna, P(path), new OpenRequest { Access = OpenAccess.Read }, Ct);
        var bytes = new byte[8 << 20];
        return bytes[..await file.ReadAsync(0, bytes, Ct)];
    }
}
