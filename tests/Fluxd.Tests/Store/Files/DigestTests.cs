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

    private ValueTask<ContentDigest?> Find(string path) => Trees.Files.FindDigestAsync(Anna, P(path), DigestAlgorithm.Sha256, Ct);
}
