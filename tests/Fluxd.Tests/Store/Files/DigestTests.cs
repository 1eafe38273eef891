using System.Security.Cryptography;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Xunit;

namespace Fluxd.Tests.Store.Files;

/// <summary>Which whole-file digests come from the index, without a pass over the bytes.</summary>
public sealed class DigestTests : TreesFixture
{
    [Theory(Timeout = TimeoutMs)]
    [InlineData(0)]
    [InlineData(200)]
    [InlineData(3000)]
    [InlineData(16 << 10)]
    public async Task A_file_of_one_chunk_needs_no_pass_however_it_came(int size)
    {
        var text = new string('a', size);
        await Put("/a", text);
        await Trees.Files.CopyAsync(Anna, P("/a"), P("/b"), false, Ct);
        Assert.Equal(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(text)), (await Find("/b"))!.Value.ToArray());
        Assert.Null(await Trees.Files.FindDigestAsync(Anna, P("/b"), DigestAlgorithm.Md5, Ct));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_long_file_has_one_when_its_upload_asked_and_keeps_it_on_its_way()
    {
        var bytes = new byte[3 << 20];
        new Random(1).NextBytes(bytes);
        var upload = await Trees.Uploads.CreateAsync(Anna, new UploadRequest { Target = P("/a"), WantSha256 = true }, Ct);
        foreach (var half in bytes.Chunk(bytes.Length / 2))
        {
            await using var writer = await Trees.Uploads.OpenAsync(Anna, upload.Id, Ct);
            await writer.WriteAsync(half, Ct);
            await writer.FlushAsync(Ct);
        }

        await Trees.Uploads.CompleteAsync(Anna, upload.Id, Ct);
        await Trees.Files.RenameAsync(Anna, P("/a"), P("/b"), false, Ct);
        await Trees.Files.CopyAsync(Anna, P("/b"), P("/c"), false, Ct);
        Assert.Equal(SHA256.HashData(bytes), (await Find("/c"))!.Value.ToArray());

        await using (var file = await Trees.Files.OpenAsync(Anna, P("/c"), new OpenRequest { Access = OpenAccess.Write }, Ct))
        {
            await file.WriteAsync(5, "other"u8.ToArray(), Ct);
            await file.CloseAsync(Ct);
        }

        Assert.Null(await Find("/c"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_reader_gets_the_digest_of_what_it_reads_though_the_name_shows_something_else_meanwhile()
    {
        await Put("/a", "old");
        await using var file = await Trees.Files.OpenAsync(Anna, P("/a"), Reading, Ct);
        await Put("/a", "new");
        Assert.Equal(SHA256.HashData("old"u8), (await file.FindDigestAsync(DigestAlgorithm.Sha256, Ct))!.Value.ToArray());
        await using var next = await Trees.Files.OpenAsync(Anna, P("/a"), Reading, Ct);
        Assert.Equal(SHA256.HashData("new"u8), (await next.FindDigestAsync(DigestAlgorithm.Sha256, Ct))!.Value.ToArray());
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task That_there_is_none_holds_until_somebody_computed_it()
    {
        var node = await Put("/a", "x");
        await using var file = await Trees.Files.OpenAsync(Anna, P("/a"), Reading, Ct);
        Assert.Null(await file.FindDigestAsync(DigestAlgorithm.Md5, Ct));
        Assert.Null(await file.FindDigestAsync(DigestAlgorithm.Md5, Ct));
        await Trees.Files.RememberDigestAsync(Anna, P("/a"), node.Version, new ContentDigest(DigestAlgorithm.Md5, new byte[16]), Ct);
        Assert.Equal(new byte[16], (await file.FindDigestAsync(DigestAlgorithm.Md5, Ct))!.Value.ToArray());
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Who_writes_gets_none_until_it_is_committed()
    {
        await Put("/a", "old");
        await using var file = await Trees.Files.OpenAsync(Anna, P("/a"), new OpenRequest { Access = OpenAccess.Read | OpenAccess.Write }, Ct);
        await file.WriteAsync(0, "new"u8.ToArray(), Ct);
        Assert.Null(await file.FindDigestAsync(DigestAlgorithm.Sha256, Ct));
        await file.FsyncAsync(Ct);
        Assert.Equal(SHA256.HashData("new"u8), (await file.FindDigestAsync(DigestAlgorithm.Sha256, Ct))!.Value.ToArray());
    }

    private static OpenRequest Reading => new() { Access = OpenAccess.Read, Frontend = "http" };

    private ValueTask<ContentDigest?> Find(string path) => Trees.Files.FindDigestAsync(Anna, P(path), DigestAlgorithm.Sha256, Ct);
}
