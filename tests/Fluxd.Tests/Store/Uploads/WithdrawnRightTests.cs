using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Tests.Store.Files;
using Xunit;

namespace Fluxd.Tests.Store.Uploads;

/// <summary>A right to write into a shared folder that goes, or shrinks, in the middle of an upload.</summary>
public sealed class WithdrawnRightTests : TreesFixture
{
    private const long Quota = 1_000_000;

    public static TheoryData<FolderAccess?> Less => [null, FolderAccess.Read];

    [Theory(Timeout = TimeoutMs)]
    [MemberData(nameof(Less))]
    public async Task An_upload_takes_no_more_and_its_owner_may_cancel_it_or_finish_when_the_right_is_back(FolderAccess? less)
    {
        Share(FolderAccess.Write);
        var bytes = new byte[900_000];
        Random.Shared.NextBytes(bytes);
        var upload = await Trees.Uploads.CreateAsync(Bert, new UploadRequest { Target = P("/team/f"), Size = bytes.Length }, Ct);
        await using (var writer = await Trees.Uploads.OpenAsync(Bert, upload.Id, Ct))
        {
            await writer.WriteAsync(bytes.AsMemory(0, 300_000), Ct);
            Assert.Equal(300_000, await writer.FlushAsync(Ct));
            Share(less);
            await writer.WriteAsync(bytes.AsMemory(300_000, 300_000), Ct);
            await Fails(FluxError.Denied, () => writer.FlushAsync(Ct));
        }

        await Fails(FluxError.Denied, () => Trees.Uploads.OpenAsync(Bert, upload.Id, Ct));
        Assert.Equal(300_000, (await Trees.Uploads.GetAsync(Bert, upload.Id, Ct)).DurableOffset);
        Assert.Equal(upload.Id, Assert.Single((await Trees.Uploads.ListAsync(Bert, null, 10, Ct)).Entries).Id);

        Share(FolderAccess.Write);
        await using (var writer = await Trees.Uploads.OpenAsync(Bert, upload.Id, Ct))
        {
            await writer.WriteAsync(bytes.AsMemory(300_000), Ct);
            await writer.FlushAsync(Ct);
        }

        Share(less);
        await Fails(FluxError.Denied, () => Trees.Uploads.CompleteAsync(Bert, upload.Id, Ct));
        await Fails(FluxError.NotFound, () => Get("/team/f"));

        // The room that it holds of the folder's quota comes back when it is cancelled, or expires.
        await Fails(FluxError.QuotaExceeded, () => Put("/team/big", new string('x', 200_000)));
        await Trees.Uploads.CancelAsync(Bert, upload.Id, Ct);
        await Put("/team/big", new string('x', 200_000));
    }

    [Theory(Timeout = TimeoutMs)]
    [MemberData(nameof(Less))]
    public async Task An_open_handle_keeps_no_more_of_what_is_written_through_it(FolderAccess? less)
    {
        Share(FolderAccess.Write);
        await using var file = await Trees.Files.OpenAsync(Bert, P("/team/f"), new OpenRequest { Access = OpenAccess.Write, Create = true }, Ct);
        await file.WriteAsync(0, new byte[10_000], Ct);
        Share(less);
        await file.WriteAsync(10_000, new byte[10_000], Ct);
        await Fails(FluxError.Denied, () => file.CloseAsync(Ct));
        await Fails(FluxError.NotFound, () => Get("/team/f"));
        Assert.Empty((await Trees.Uploads.ListAsync(Bert, null, 10, Ct)).Entries);
    }

    private void Share(FolderAccess? bert)
    {
        Trees.Share(1, "team", Anna, FolderAccess.Write, Quota);
        Trees.Share(1, "team", Bert, bert, Quota);
    }
}
