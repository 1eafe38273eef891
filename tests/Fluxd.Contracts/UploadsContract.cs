using System.Security.Cryptography;
using System.Text;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Testing;
using Xunit;

namespace Fluxd.Contracts;

/// <summary>What every <see cref="IUploads"/> keeps, beside an <see cref="IFiles"/> of the same trees.</summary>
public abstract class UploadsContract : IAsyncLifetime
{
    protected const int TimeoutMs = 30_000;

    protected static readonly CancellationToken Ct = CancellationToken.None;

    protected IUploads Uploads { get; private set; } = null!;

    protected IFiles Files { get; private set; } = null!;

    protected static Principal Anna => People.Anna;

    public async Task InitializeAsync() => (Uploads, Files) = await Make();

    public virtual Task DisposeAsync() => Task.CompletedTask;

    protected abstract Task<(IUploads Uploads, IFiles Files)> Make();

    protected abstract void SetQuota(long bytes);

    protected static FilePath P(string path) => FilePath.Parse(path);

    protected static byte[] B(string text) => Encoding.UTF8.GetBytes(text);

    protected Task<UploadInfo> Create(string path, long? size = null) =>
        Uploads.CreateAsync(Anna, new UploadRequest { Target = P(path), Size = size }, Ct);

    protected async Task<long> Send(UploadId id, string text)
    {
        await using var writer = await Uploads.OpenAsync(Anna, id, Ct);
        await writer.WriteAsync(B(text), Ct);
        return await writer.FlushAsync(Ct);
    }

    protected async Task<string> Get(string path)
    {
        await using var file = await Files.OpenAsync(Anna, P(path), new OpenRequest { Access = OpenAccess.Read }, Ct);
        var buffer = new byte[100_000];
        var got = await file.ReadAsync(0, buffer, Ct);
        return Encoding.UTF8.GetString(buffer, 0, got);
    }

    protected static async Task Fails(FluxError error, Func<Task> work) => Assert.Equal(error, (await Assert.ThrowsAsync<FluxException>(work)).Error);

    [Fact(Timeout = TimeoutMs)]
    public async Task Nothing_shows_until_the_upload_is_complete()
    {
        var upload = await Create("/a", 10);
        Assert.Equal(5, await Send(upload.Id, "01234"));
        Assert.Equal(5, (await Uploads.GetAsync(Anna, upload.Id, Ct)).DurableOffset);
        await Fails(FluxError.NotFound, () => Files.StatAsync(Anna, P("/a"), true, Ct).AsTask());
        await Fails(FluxError.Missing, () => Uploads.CompleteAsync(Anna, upload.Id, Ct));
        Assert.Equal(10, await Send(upload.Id, "56789"));
        await Fails(FluxError.NotFound, () => Files.StatAsync(Anna, P("/a"), true, Ct).AsTask());
        var done = await Uploads.CompleteAsync(Anna, upload.Id, Ct);
        Assert.Equal((UploadState.Completed, 10L), (done.State, done.Result!.Size));
        Assert.Equal("0123456789", await Get("/a"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Completing_again_gives_the_same_answer()
    {
        var upload = await Create("/a");
        await Send(upload.Id, "one");
        var first = await Uploads.CompleteAsync(Anna, upload.Id, Ct);
        var again = await Uploads.CompleteAsync(Anna, upload.Id, Ct);
        Assert.Equal((first.Result!.Id, first.Result.Version, first.Result.Size), (again.Result!.Id, again.Result.Version, again.Result.Size));
        await Fails(FluxError.Conflict, () => Send(upload.Id, "more"));
        Assert.Equal("one", await Get("/a"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task An_empty_upload_makes_an_empty_file()
    {
        var upload = await Create("/a", 0);
        await Uploads.CompleteAsync(Anna, upload.Id, Ct);
        Assert.Equal("", await Get("/a"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task The_newest_writer_fences_the_older()
    {
        var upload = await Create("/a", 6);
        await using var old = await Uploads.OpenAsync(Anna, upload.Id, Ct);
        await old.WriteAsync(B("012"), Ct);
        await old.FlushAsync(Ct);
        await old.WriteAsync(B("xxx"), Ct);
        await using (var writer = await Uploads.OpenAsync(Anna, upload.Id, Ct))
        {
            Assert.Equal(3, writer.Offset);
            await Fails(FluxError.Fenced, () => old.WriteAsync(B("y"), Ct).AsTask());
            await Fails(FluxError.Fenced, () => old.FlushAsync(Ct));
            await writer.WriteAsync(B("345"), Ct);
            Assert.Equal(6, await writer.FlushAsync(Ct));
        }

        await Uploads.CompleteAsync(Anna, upload.Id, Ct);
        Assert.Equal("012345", await Get("/a"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_writer_that_goes_without_flushing_loses_at_most_what_was_not_durable()
    {
        var upload = await Create("/a");
        await using (var writer = await Uploads.OpenAsync(Anna, upload.Id, Ct))
        {
            await writer.WriteAsync(B("kept"), Ct);
        }

        var there = await Uploads.GetAsync(Anna, upload.Id, Ct);
        Assert.InRange(there.DurableOffset, 0, 4);
        Assert.Equal(4, await Send(upload.Id, "kept"[(int)there.DurableOffset..]));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Parts_may_come_out_of_order_and_overlap()
    {
        var upload = await Create("/a", 10);
        await using (var writer = await Uploads.OpenAsync(Anna, upload.Id, Ct))
        {
            await writer.WriteAtAsync(6, B("67"), Ct);
            await writer.WriteAtAsync(8, B("89"), Ct);
            await writer.WriteAtAsync(2, B("xx"), Ct);
            await writer.WriteAtAsync(3, B("34"), Ct);
            Assert.Equal(0, await writer.FlushAsync(Ct));
        }

        var there = await Uploads.GetAsync(Anna, upload.Id, Ct);
        Assert.Equal([new ByteRange(2, 5), new ByteRange(6, 10)], there.Parts);
        await Fails(FluxError.Missing, () => Uploads.CompleteAsync(Anna, upload.Id, Ct));
        await using (var writer = await Uploads.OpenAsync(Anna, upload.Id, Ct))
        {
            await writer.WriteAtAsync(0, B("01"), Ct);
            Assert.Equal(5, await writer.FlushAsync(Ct));
            await writer.WriteAtAsync(5, B("5"), Ct);
            Assert.Equal(10, await writer.FlushAsync(Ct));
            await writer.WriteAtAsync(2, B("2"), Ct);
            Assert.Equal(10, await writer.FlushAsync(Ct));
        }

        Assert.Empty((await Uploads.GetAsync(Anna, upload.Id, Ct)).Parts);
        await Uploads.CompleteAsync(Anna, upload.Id, Ct);
        Assert.Equal("0123456789", await Get("/a"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task The_announced_size_holds()
    {
        var upload = await Create("/a", 3);
        await Fails(FluxError.TooLarge, () => Send(upload.Id, "1234"));
        var open = await Create("/b");
        await Send(open.Id, "1234");
        await Fails(FluxError.Conflict, () => Uploads.SetSizeAsync(Anna, open.Id, 3, Ct));
        Assert.Equal(5, (await Uploads.SetSizeAsync(Anna, open.Id, 5, Ct)).Size);
        Assert.Equal(5, (await Uploads.SetSizeAsync(Anna, open.Id, 5, Ct)).Size);
        await Fails(FluxError.Conflict, () => Uploads.SetSizeAsync(Anna, open.Id, 6, Ct));
        await Fails(FluxError.Missing, () => Uploads.CompleteAsync(Anna, open.Id, Ct));
    }

    [Theory(Timeout = TimeoutMs)]
    [InlineData(DigestAlgorithm.Sha256)]
    [InlineData(DigestAlgorithm.Sha512)]
    [InlineData(DigestAlgorithm.Sha1)]
    [InlineData(DigestAlgorithm.Md5)]
    public async Task A_digest_is_checked_over_all_writers(DigestAlgorithm algorithm)
    {
        var digest = algorithm switch
        {
            DigestAlgorithm.Sha256 => SHA256.HashData(B("0123456789")),
            DigestAlgorithm.Sha512 => SHA512.HashData(B("0123456789")),
            DigestAlgorithm.Sha1 => SHA1.HashData(B("0123456789")),
            _ => MD5.HashData(B("0123456789")),
        };
        var request = new UploadRequest { Target = P("/a"), ExpectedDigest = new ContentDigest(algorithm, digest) };
        var upload = await Uploads.CreateAsync(Anna, request, Ct);
        await Send(upload.Id, "01234");
        await Send(upload.Id, "56789");
        await Uploads.CompleteAsync(Anna, upload.Id, Ct);
        Assert.Equal(digest, (await Files.FindDigestAsync(Anna, P("/a"), algorithm, Ct))!.Value.ToArray());

        var wrong = await Uploads.CreateAsync(Anna, request with { Target = P("/b") }, Ct);
        await Send(wrong.Id, "01234x6789");
        await Fails(FluxError.Conflict, () => Uploads.CompleteAsync(Anna, wrong.Id, Ct));
        await Fails(FluxError.NotFound, () => Files.StatAsync(Anna, P("/b"), true, Ct).AsTask());
        Assert.Equal(UploadState.Open, (await Uploads.GetAsync(Anna, wrong.Id, Ct)).State);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_digest_that_was_asked_for_covers_parts_out_of_order()
    {
        var upload = await Uploads.CreateAsync(Anna, new UploadRequest { Target = P("/a"), WantSha256 = true }, Ct);
        await using (var writer = await Uploads.OpenAsync(Anna, upload.Id, Ct))
        {
            await writer.WriteAtAsync(5, B("56789"), Ct);
            await writer.FlushAsync(Ct);
            await writer.WriteAtAsync(0, B("0123x"), Ct);
            await writer.FlushAsync(Ct);
            await writer.WriteAtAsync(4, B("4"), Ct);
            await writer.FlushAsync(Ct);
        }

        await Uploads.CompleteAsync(Anna, upload.Id, Ct);
        Assert.Equal(SHA256.HashData(B("0123456789")), (await Files.FindDigestAsync(Anna, P("/a"), DigestAlgorithm.Sha256, Ct))!.Value.ToArray());
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Preconditions_count_at_the_beginning_and_at_the_end()
    {
        var first = await Create("/a");
        await Send(first.Id, "1");
        var second = await Uploads.CreateAsync(Anna, new UploadRequest { Target = P("/a"), Precondition = Precondition.MustNotExist }, Ct);
        await Send(second.Id, "2");
        await Uploads.CompleteAsync(Anna, first.Id, Ct);
        await Fails(FluxError.Exists, () => Uploads.CompleteAsync(Anna, second.Id, Ct));
        Assert.Equal(UploadState.Open, (await Uploads.GetAsync(Anna, second.Id, Ct)).State);
        await Fails(FluxError.Exists, () => Uploads.CreateAsync(Anna, new UploadRequest { Target = P("/a"), Precondition = Precondition.MustNotExist }, Ct));
        Assert.Equal("1", await Get("/a"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Missing_parents_are_made_only_at_the_end_and_only_when_asked()
    {
        await Fails(FluxError.NotFound, () => Create("/x/y/a"));
        var upload = await Uploads.CreateAsync(Anna, new UploadRequest { Target = P("/x/y/a"), MakeParents = true }, Ct);
        await Send(upload.Id, "1");
        await Fails(FluxError.NotFound, () => Files.StatAsync(Anna, P("/x"), true, Ct).AsTask());
        await Uploads.CompleteAsync(Anna, upload.Id, Ct);
        Assert.Equal("1", await Get("/x/y/a"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Attributes_come_with_the_publication()
    {
        var time = FileTime.FromSeconds(1, 2);
        var upload = await Uploads.CreateAsync(
            Anna, new UploadRequest { Target = P("/a"), Attributes = new AttributeChange { ModifiedAt = time, Mode = 0x100 } }, Ct);
        await Send(upload.Id, "1");
        var node = (await Uploads.CompleteAsync(Anna, upload.Id, Ct)).Result!;
        Assert.Equal((time, 0x100), (node.ModifiedAt, node.Mode));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Room_is_reserved_and_given_back()
    {
        SetQuota(10);
        var upload = await Create("/a", 8);
        await Fails(FluxError.QuotaExceeded, () => Create("/b", 3));
        await Uploads.CancelAsync(Anna, upload.Id, Ct);
        var other = await Create("/b", 10);
        await Send(other.Id, "0123456789");
        await Uploads.CompleteAsync(Anna, other.Id, Ct);
        await Fails(FluxError.QuotaExceeded, () => Create("/c", 1));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task What_was_accepted_when_the_quota_ends_stays_resumable()
    {
        SetQuota(10);
        var upload = await Create("/a");
        await Send(upload.Id, "01234567");
        await Fails(FluxError.QuotaExceeded, () => Send(upload.Id, "8901"));
        Assert.Equal(8, (await Uploads.GetAsync(Anna, upload.Id, Ct)).DurableOffset);
        SetQuota(100);
        await Send(upload.Id, "8901");
        await Uploads.CompleteAsync(Anna, upload.Id, Ct);
        Assert.Equal("012345678901", await Get("/a"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Finished_parts_are_put_together_without_moving_bytes()
    {
        var parts = new List<UploadId>();
        foreach (var text in new[] { "one ", "", "two ", "three" })
        {
            var part = await Uploads.CreateAsync(Anna, new UploadRequest { Target = FilePath.Root, IsPart = true, Size = text.Length }, Ct);
            parts.Add(part.Id);
            await Send(part.Id, text);
        }

        var request = new UploadRequest { Target = P("/a") };
        await Fails(FluxError.Missing, () => Uploads.ConcatenateAsync(Anna, parts, request, Ct));
        foreach (var part in parts)
        {
            await Uploads.CompleteAsync(Anna, part, Ct);
        }

        Assert.Equal(13, (await Uploads.ConcatenateAsync(Anna, parts, request, Ct)).Result!.Size);
        Assert.Equal("one two three", await Get("/a"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Sessions_are_their_owners()
    {
        var upload = await Create("/a", 3);
        await Fails(FluxError.NotFound, () => Uploads.GetAsync(People.Bert, upload.Id, Ct).AsTask());
        await Fails(FluxError.NotFound, () => Uploads.OpenAsync(People.Bert, upload.Id, Ct));
        await Fails(FluxError.NotFound, () => Uploads.CompleteAsync(People.Bert, upload.Id, Ct));
        await Fails(FluxError.NotFound, () => Uploads.CancelAsync(People.Bert, upload.Id, Ct));
        await Fails(FluxError.Denied, () => Uploads.CreateAsync(People.Make(Anna.UserId, "anna", Scopes.Read), new UploadRequest { Target = P("/b") }, Ct));
        Assert.Empty((await Uploads.ListAsync(People.Bert, null, 10, Ct)).Entries);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Sessions_are_listed_in_pages()
    {
        var made = new HashSet<UploadId>();
        for (var i = 0; i < 7; i++)
        {
            made.Add((await Create($"/{i}")).Id);
        }

        var seen = new HashSet<UploadId>();
        string? cursor = null;
        do
        {
            var page = await Uploads.ListAsync(Anna, cursor, 3, Ct);
            Assert.All(page.Entries, entry => Assert.True(seen.Add(entry.Id)));
            cursor = page.Next;
        }
        while (cursor is not null);
        Assert.Equal(made, seen);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_cancelled_session_is_gone_for_its_writer_too()
    {
        var upload = await Create("/a");
        await using var writer = await Uploads.OpenAsync(Anna, upload.Id, Ct);
        await writer.WriteAsync(B("x"), Ct);
        await Uploads.CancelAsync(Anna, upload.Id, Ct);
        var failure = await Assert.ThrowsAsync<FluxException>(() => writer.FlushAsync(Ct));
        Assert.Contains(failure.Error, new[] { FluxError.Fenced, FluxError.Gone });
        await Fails(FluxError.NotFound, () => Uploads.GetAsync(Anna, upload.Id, Ct).AsTask());
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task What_an_sftp_handle_left_can_be_finished_as_a_session()
    {
        var file = await Files.OpenAsync(Anna, P("/a"), new OpenRequest { Access = OpenAccess.Write, Create = true, Truncate = true, Frontend = "sftp" }, Ct);
        await file.WriteAsync(0, B("half "), Ct);
        await file.DisposeAsync();
        var upload = Assert.Single((await Uploads.ListAsync(Anna, null, 10, Ct)).Entries);
        Assert.Equal((5L, P("/a"), "sftp"), (upload.DurableOffset, upload.Target, upload.Frontend));
        await Send(upload.Id, "and half");
        await Uploads.CompleteAsync(Anna, upload.Id, Ct);
        Assert.Equal("half and half", await Get("/a"));
        Assert.False((await Files.StatWithPartialsAsync(Anna, P("/a"), true, Ct)).IsPartial);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Taking_an_sftp_handles_session_fences_the_handle()
    {
        var request = new OpenRequest { Access = OpenAccess.Write, Create = true, ContinuePartial = true };
        var file = await Files.OpenAsync(Anna, P("/a"), request, Ct);
        await file.WriteAsync(0, B("half "), Ct);
        await file.DisposeAsync();
        await using var again = await Files.OpenAsync(Anna, P("/a"), request, Ct);
        var upload = Assert.Single((await Uploads.ListAsync(Anna, null, 10, Ct)).Entries);
        await Send(upload.Id, "and half");
        await Fails(FluxError.Fenced, () => again.WriteAsync(5, B("other"), Ct).AsTask());
        await Uploads.CompleteAsync(Anna, upload.Id, Ct);
        Assert.Equal("half and half", await Get("/a"));
    }
}
