using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Fluxd.Core.Files;
using Fluxd.LoadTests.House;
using Fluxd.LoadTests.Reports;
using Fluxd.LoadTests.Runner;

namespace Fluxd.LoadTests.Scenarios;

/// <summary>One question each, asked through every frontend in turn by each user.</summary>
internal sealed class SingleCases(Site site, Scale scale)
{
    private const int Users = 4;
    private const int MiB = 1 << 20;
    private readonly Transfers _do = new(site);

    public LoadCase Upload() => new(scale.Constant("upload", "Do whole new files of 2 MiB arrive, durable and unchanged, by each protocol?", Users, async user =>
    {
        var content = Transfers.Bytes(user.Random, 2 * MiB);
        await user.StepAsync("HTTP PUT", () => _do.PutHttpAsync(user, Path("put", user), content));
        user.Random.NextBytes(content);
        await user.StepAsync("HTTPS, client engine", async () => await _do.PutLinkAsync(user, await site.HttpsAsync(user.User), Path("engine", user), content));
        user.Random.NextBytes(content);
        await user.StepAsync("QUIC, client engine", async () => await _do.PutLinkAsync(user, await site.QuicAsync(user.User), Path("quic", user), content));
        user.Random.NextBytes(content);
        await user.StepAsync("SFTP", async () => await _do.PutSftpAsync((await site.SftpAsync(user.User)).Client, $"/sftp{user.User}-{user.Run % 3}", content));
        if (site.HasHttp3)
        {
            user.Random.NextBytes(content);
            await user.StepAsync("HTTP/3, libcurl", () => _do.PutHttp3Async(user, Path("h3", user), content));
        }
    }));

    public LoadCase Resumed() => new(scale.Constant("resumed upload", "Does an upload whose connection was lost in its middle go on from where it was acknowledged?", Users, async user =>
    {
        var content = Transfers.Bytes(user.Random, 3 * MiB);
        await user.StepAsync("tus over HTTP", () => _do.ResumeTusAsync(user, Path("tus", user), content));
        user.Random.NextBytes(content);
        await user.StepAsync("HTTPS, by chunks", () => _do.ResumeLinkAsync(user, () => Task.FromResult<Fluxd.Transports.Client.ILink>(site.NewHttps(user.User)), Path("chunks", user), content));
        user.Random.NextBytes(content);
        await user.StepAsync("QUIC, by chunks", () => _do.ResumeLinkAsync(user, () => site.NewQuicAsync(user.User), Path("quic-chunks", user), content));
        user.Random.NextBytes(content);
        await user.StepAsync("SFTP, by size", () => _do.ResumeSftpAsync($"/sftp-cut{user.User}-{user.Run % 3}", content));
    }));

    public LoadCase Download()
    {
        var content = Transfers.Bytes(new Random(1), 8 * MiB);
        return new LoadCase(scale.Constant("download", "Do files of 8 MiB come back unchanged, by each protocol?", Users, async user =>
        {
            await user.StepAsync("HTTP GET", () => _do.GetHttpAsync(user, "/big", content));
            await user.StepAsync("HTTPS, client engine", async () => await _do.GetLinkAsync(user, await site.HttpsAsync(user.User), "/big", content));
            await user.StepAsync("QUIC, client engine", async () => await _do.GetLinkAsync(user, await site.QuicAsync(user.User), "/big", content));
            await user.StepAsync("SFTP", async () => await Transfers.GetSftpAsync((await site.SftpAsync(user.User)).Client, "/big", content));
            if (site.HasHttp3)
            {
                await user.StepAsync("HTTP/3, libcurl", () => _do.GetHttp3Async(user, "/big", content));
            }
        }) with
        { Init = ct => FillAsync(Users, (_, _) => ("/big", content), 1, ct) });
    }

    public LoadCase Ranges()
    {
        var content = Transfers.Bytes(new Random(2), 16 * MiB);
        return new LoadCase(scale.Constant("ranges", "Is any stretch of 64 KiB of a large file the right one?", Users, async user =>
        {
            var from = user.Random.Next(content.Length - (64 << 10));
            var expected = content.AsMemory(from, 64 << 10).ToArray();
            await user.StepAsync("HTTP", () => _do.GetHttpAsync(user, "/ranges", expected, new RangeHeaderValue(from, from + expected.Length - 1)));
            await user.StepAsync("QUIC", async () =>
            {
                var link = await site.QuicAsync(user.User);
                var buffer = new byte[expected.Length];
                var entry = await link.FindAsync(FilePath.Parse("/ranges"), user.Ct);
                await link.ReadAsync(entry!.Path, entry.Tag!, from, buffer, user.Ct);
                return buffer.AsSpan().SequenceEqual(expected) ? Response.Ok(buffer.Length) : Response.Fail("other bytes");
            });
            await user.StepAsync("SFTP", async () => await Transfers.RangeSftpAsync((await site.SftpAsync(user.User)).Client, "/ranges", from, expected));
        }) with
        { Init = ct => FillAsync(Users, (_, _) => ("/ranges", content), 1, ct) });
    }

    public LoadCase SmallFiles() => new(scale.Constant("small files", "How do many files of 2 KiB fare: made, read, removed?", 2 * Users, async user =>
    {
        var content = Transfers.Bytes(user.Random, 2048);
        var path = $"/small{user.User}/{user.Run % 50}";
        await user.StepAsync("PUT", () => _do.PutHttpAsync(user, path, content));
        await user.StepAsync("GET", () => _do.GetHttpAsync(user, path, content));
        var gone = $"/gone{user.User}/{user.Run}";
        await user.StepAsync("PUT over QUIC", async () => await _do.PutLinkAsync(user, await site.QuicAsync(user.User), gone, content));
        await user.StepAsync("DELETE", async () =>
        {
            site.Ledger.Begin($"/{site.User(user.User).Name}{gone}", null);
            using var answer = await site.Http.SendAsync(site.Request(HttpMethod.Delete, "v1/files" + gone, user.User), user.Ct);
            if (answer.IsSuccessStatusCode)
            {
                site.Ledger.Acknowledge($"/{site.User(user.User).Name}{gone}");
            }

            return Transfers.Of(answer, 0);
        });
        await user.StepAsync("SFTP: made, read, removed", async () =>
        {
            var (client, own) = ((await site.SftpAsync(user.User)).Client, $"/small-sftp{user.User}-{user.Run % 50}");
            return await _do.PutSftpAsync(client, own, content) is { IsOk: false } failed ? failed
                : await Transfers.GetSftpAsync(client, own, content) is { IsOk: false } other ? other
                : await _do.RemoveSftpAsync(client, own);
        });
    }));

    public LoadCase Listing()
    {
        var count = scale.Of(300, 5000);
        return new LoadCase(scale.Constant("listing", $"Is a folder of {count} files listed whole, each time?", Users, async user =>
        {
            await user.StepAsync("HTTPS", async () => await CountAsync(await site.HttpsAsync(0), user.Ct));
            await user.StepAsync("QUIC", async () => await CountAsync(await site.QuicAsync(0), user.Ct));
            await user.StepAsync("SFTP", async () => Told(await Transfers.CountSftpAsync((await site.SftpAsync(user.User)).Client, "/list")));

            async Task<Response> CountAsync(Fluxd.Transports.Client.ILink link, CancellationToken ct)
            {
                var found = 0;
                await foreach (var entry in link.ListAsync(FilePath.Parse("/list"), ct))
                {
                    found++;
                }

                return Told(found);
            }

            Response Told(int found) => found == count ? Response.Ok() : Response.Fail($"{found} entries of {count}");
        }) with
        { Init = ct => FillAsync(1, (_, i) => ($"/list/{i}", [(byte)i]), count, ct) });
    }

    public LoadCase Delta()
    {
        var files = new ConcurrentDictionary<int, byte[]>();
        return new LoadCase(scale.Constant("delta", "Does a file of 8 MiB of which 1 % changed cost only what changed, and its neighbourhood?", Users, async user =>
        {
            var content = files[user.User];
            Transfers.Bytes(user.Random, content.Length / 100).CopyTo(content, user.Random.Next(content.Length * 99 / 100));
            await user.StepAsync(user.User % 2 == 0 ? "HTTPS" : "QUIC", async () =>
            {
                Fluxd.Transports.Client.ILink link = user.User % 2 == 0 ? await site.HttpsAsync(user.User) : await site.QuicAsync(user.User);
                var local = System.IO.Path.Combine(site.Work, $"delta{user.User}");
                await File.WriteAllBytesAsync(local, content, user.Ct);
                return await site.KeepAsync(user.User, "/delta", content, async () =>
                {
                    var sent = await _do.Sender(link).SendAsync("load", local, FilePath.Parse("/delta"), null, user.Ct);
                    return Response.Ok(sent.BytesMoved);
                });
            });
        }) with
        {
            WarmUp = TimeSpan.Zero, // the users' numbers begin with 0: each has its file
            Init = async ct =>
            {
                for (var user = 0; user < Users; user++)
                {
                    files[user] = Transfers.Bytes(new Random(100 + user), 8 * MiB);
                }

                await FillAsync(Users, (user, _) => ("/delta", files[user]), 1, ct);
            },
        })
        {
            Checks = stats =>
            {
                var (sent, whole) = (stats.Steps.Values.Sum(step => step.Bytes), stats.Steps.Values.Sum(step => step.Ok) * 8.0 * MiB);
                return [new CheckReport("less than a quarter travels", string.Create(CultureInfo.InvariantCulture, $"{sent / whole:P1} of the bytes"), sent < whole / 4)];
            },
        };
    }

    public LoadCase Anonymous()
    {
        var content = Transfers.Bytes(new Random(3), 200_000);
        var signed = "";
        return new LoadCase(scale.Constant("anonymous reads", "Can people without an account read what a signed URL opens, many at once?", 4 * Users, user =>
            user.StepAsync("GET by signed URL", () => _do.GetHttpAsync(user, signed, content, isAnonymous: true))) with
        {
            Init = async ct =>
            {
                await FillAsync(1, (_, _) => ("/signed", content), 1, ct);
                using var answer = await site.Http.SendAsync(site.Request(HttpMethod.Post, "v1/sign", 0, JsonContent.Create(new { path = "/signed", seconds = 3600 })), ct);
                using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(ct));
                signed = new Uri(site.Http.BaseAddress!, json.RootElement.GetProperty("url").GetString()!).PathAndQuery;
            },
        });
    }

    /// <summary>
    /// The same once more, on a daemon that has done everything before: what it has resident may then grow only by the
    /// runtime's own slack. Whoever kept the bytes of each transfer, 1 MiB, would be over it with the 64th.
    /// </summary>
    public LoadCase MixedAgain() => Mixed("mixed 80/20, again") with { GrowthMiBMax = 64 };

    public LoadCase Mixed(string name = "mixed 80/20")
    {
        var content = Transfers.Bytes(new Random(4), MiB);
        return new LoadCase(scale.Constant(name, "Do four readers and one writer in five get on with each other, over all protocols?", 2 * Users, async user =>
        {
            if (user.Random.Next(100) < 80)
            {
                await ((user.User % 3) switch
                {
                    0 => user.StepAsync("read by HTTP", () => _do.GetHttpAsync(user, "/mixed", content)),
                    1 => user.StepAsync("read by QUIC", async () => await _do.GetLinkAsync(user, await site.QuicAsync(user.User), "/mixed", content)),
                    _ => user.StepAsync("read by SFTP", async () => await Transfers.GetSftpAsync((await site.SftpAsync(user.User)).Client, "/mixed", content)),
                });
                return;
            }

            var fresh = Transfers.Bytes(user.Random, MiB);
            await ((user.User % 3) switch
            {
                0 => user.StepAsync("write by HTTP", () => _do.PutHttpAsync(user, Path("mixed-put", user), fresh)),
                1 => user.StepAsync("write by QUIC", async () => await _do.PutLinkAsync(user, await site.QuicAsync(user.User), Path("mixed-quic", user), fresh)),
                _ => user.StepAsync("write by SFTP", async () => await _do.PutSftpAsync((await site.SftpAsync(user.User)).Client, $"/mixed-sftp{user.User}-{user.Run % 5}", fresh)),
            });
        }) with
        { Init = ct => FillAsync(2 * Users, (_, _) => ("/mixed", content), 1, ct) });
    }

    /// <summary>A few names for each user, so that files are replaced too.</summary>
    private static string Path(string what, UserContext user) => string.Create(CultureInfo.InvariantCulture, $"/{what}-{user.User}-{user.Run % 5}");

    private async Task FillAsync(int users, Func<int, int, (string Path, byte[] Content)> file, int count, CancellationToken ct)
    {
        await site.NeedUsersAsync(users, ct);
        await Parallel.ForAsync(0, users * count, new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = ct }, async (i, stop) =>
        {
            var (user, (path, content)) = (i % users, file(i % users, i / users));
            using var answer = await site.Http.SendAsync(site.Request(HttpMethod.Put, "v1/files" + path, user, new ByteArrayContent(content)), stop);
            answer.EnsureSuccessStatusCode();
        });
    }
}
