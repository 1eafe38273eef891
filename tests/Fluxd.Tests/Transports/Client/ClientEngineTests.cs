using System.Net.Http.Headers;
using System.Reflection;
using System.Security.Cryptography;
using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Testing;
using Fluxd.Transports.Client;
using Fluxd.Transports.Http;
using Fluxd.Transports.Http.Tls;
using Xunit;

namespace Fluxd.Tests.Transports.Client;

public sealed class ClientEngineTests : IAsyncLifetime
{
    private readonly HttpServer _server = new();
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("fluxd-client");
    private ILink _link = null!;

    public async Task InitializeAsync()
    {
        _server.Options = new HttpOptions { Requests = new Fluxd.Core.Coordination.Limiter("requests", int.MaxValue, TimeSpan.FromSeconds(1)) };
        await _server.StartAsync();
        _link = new HttpLink(new LinkTarget { Url = _server.Address, Authorization = new AuthenticationHeaderValue("Bearer", HttpServer.Token) });
    }

    public async Task DisposeAsync()
    {
        await _link.DisposeAsync();
        await _server.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    private string Local(string name, byte[] bytes)
    {
        var path = Path.Combine(_folder.FullName, name);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    private FileSender Sender(ILink? link = null) => new(link ?? _link, new ResumeNotes(Path.Combine(_folder.FullName, "notes")), TimeProvider.System);

    private async Task<byte[]> Stored(string path)
    {
        await using var file = await _server.Memory.OpenAsync(People.Anna, FilePath.Parse(path), new OpenRequest { Access = OpenAccess.Read }, CancellationToken.None);
        var bytes = new byte[(await file.StatAsync(CancellationToken.None)).Size];
        await file.ReadAsync(0, bytes, CancellationToken.None);
        return bytes;
    }

    [Theory(Timeout = 60_000)]
    [InlineData(0)]
    [InlineData(1000)]
    [InlineData((1 << 20) + 1)]
    [InlineData(40_000_000)]
    public async Task A_file_arrives_whole_whatever_its_size(int size)
    {
        var bytes = RandomNumberGenerator.GetBytes(size);
        var last = new ProgressReport("", 0, 0, 0, 0, null);
        var sent = await Sender().SendAsync("s", Local("a", bytes), FilePath.Parse("/in/a"), r => last = r, CancellationToken.None);
        Assert.Equal((size, (long)size, (long)size), ((int)sent.BytesMoved, last.Done, last.Total));
        Assert.Equal(bytes, await Stored("/in/a"));
    }

    [Fact(Timeout = 60_000)]
    public async Task A_changed_file_sends_about_what_changed()
    {
        var bytes = RandomNumberGenerator.GetBytes(30_000_000);
        await Sender().SendAsync("s", Local("a", bytes), FilePath.Parse("/a"), null, CancellationToken.None);
        bytes[100] ^= 1;
        bytes[20_000_000] ^= 1;
        var sent = await Sender().SendAsync("s", Local("a", bytes), FilePath.Parse("/a"), null, CancellationToken.None);
        Assert.InRange(sent.BytesMoved, 1, 600_000);
        Assert.Equal(bytes, await Stored("/a"));
    }

    [Theory(Timeout = 60_000)]
    [InlineData(1)]
    [InlineData(5000)]
    public async Task Many_small_changes_in_place_send_little_more_than_themselves(int each)
    {
        const int Places = 30, Apart = 1_000_000, Block = 4096;
        var bytes = RandomNumberGenerator.GetBytes(Places * Apart);
        await Sender().SendAsync("s", Local("a", bytes), FilePath.Parse("/a"), null, CancellationToken.None);
        for (var i = 0; i < Places; i++)
        {
            RandomNumberGenerator.Fill(bytes.AsSpan((i * Apart) + 500_000, each));
        }

        var sent = await Sender().SendAsync("s", Local("a", bytes), FilePath.Parse("/a"), null, CancellationToken.None);
        Assert.Equal(bytes, await Stored("/a"));

        // A place touches two chunks at most, whose blocks begin where the chunk does.
        Assert.InRange(sent.BytesMoved, Places, Places * (each + (4 * Block)));
    }

    [Fact(Timeout = 60_000)]
    public async Task What_moved_within_the_file_is_sent_by_whole_chunks()
    {
        var bytes = RandomNumberGenerator.GetBytes(10_000_000);
        await Sender().SendAsync("s", Local("a", bytes), FilePath.Parse("/a"), null, CancellationToken.None);
        byte[] moved = [.. bytes[..3_000_000], 7, .. bytes[3_000_000..]];
        var sent = await Sender().SendAsync("s", Local("a", moved), FilePath.Parse("/a"), null, CancellationToken.None);
        Assert.Equal(moved, await Stored("/a"));
        Assert.InRange(sent.BytesMoved, 1, 600_000);
    }

    [Fact(Timeout = 60_000)]
    public async Task A_run_that_was_killed_is_continued_by_the_next()
    {
        var bytes = RandomNumberGenerator.GetBytes(50_000_000);
        var local = Local("a", bytes);
        using var kill = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Sender().SendAsync("s", local, FilePath.Parse("/a"), r =>
        {
            if (r.Done > 20_000_000)
            {
                kill.Cancel();
            }
        }, kill.Token));
        var sent = await Sender().SendAsync("s", local, FilePath.Parse("/a"), null, CancellationToken.None);
        Assert.True(sent.Resumed);
        Assert.InRange(sent.BytesMoved, 1, 40_000_000);
        Assert.Equal(bytes, await Stored("/a"));
    }

    [Fact(Timeout = 60_000)]
    public async Task Every_third_call_may_fail_before_or_after_it_worked()
    {
        var faulty = FaultyLink.Make(_link, every: 3);
        var link = new RetryingLink(faulty, new InstantTime());
        var bytes = RandomNumberGenerator.GetBytes(40_000_000);
        await Sender(link).SendAsync("s", Local("a", bytes), FilePath.Parse("/a"), null, CancellationToken.None);
        Assert.Equal(bytes, await Stored("/a"));
        var back = Path.Combine(_folder.FullName, "back");
        await new FileReceiver(link, TimeProvider.System).ReceiveAsync((await link.FindAsync(FilePath.Parse("/a"), CancellationToken.None))!, back, null, CancellationToken.None);
        Assert.Equal(bytes, await File.ReadAllBytesAsync(back));
    }

    [Fact(Timeout = 60_000)]
    public async Task A_cap_on_bodies_only_makes_the_parts_smaller()
    {
        var capped = FaultyLink.Make(_link, every: 0, bodyBytesMax: 600_000);
        var bytes = RandomNumberGenerator.GetBytes(20_000_000);
        await Sender(capped).SendAsync("s", Local("a", bytes), FilePath.Parse("/a"), null, CancellationToken.None);
        Assert.Equal(bytes, await Stored("/a"));
    }

    [Fact(Timeout = 60_000)]
    public async Task A_download_goes_on_where_it_stopped_and_never_mixes_versions()
    {
        var bytes = RandomNumberGenerator.GetBytes(30_000_000);
        await Sender().SendAsync("s", Local("a", bytes), FilePath.Parse("/a"), null, CancellationToken.None);
        var entry = (await _link.FindAsync(FilePath.Parse("/a"), CancellationToken.None))!;
        var back = Path.Combine(_folder.FullName, "back");
        using var kill = new CancellationTokenSource();
        var receiver = new FileReceiver(_link, TimeProvider.System);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            new FileReceiver(FaultyLink.KillAtRead(_link, ClientLimits.Parallel + 5, kill), TimeProvider.System).ReceiveAsync(entry, back, null, kill.Token));
        Assert.False(File.Exists(back));
        var moved = await receiver.ReceiveAsync(entry, back, null, CancellationToken.None);

        // When the thirteenth piece is asked for, no more than eight are under way: five have come and are noted.
        Assert.InRange(moved, 1, bytes.Length - (5 * ClientLimits.PieceBytes));
        Assert.Equal(bytes, await File.ReadAllBytesAsync(back));
        Assert.Single(_folder.GetFiles("*back*"));

        bytes[5] ^= 1;
        await Sender().SendAsync("s", Local("a", bytes), FilePath.Parse("/a"), null, CancellationToken.None);
        var stale = await Assert.ThrowsAsync<FluxException>(() => receiver.ReceiveAsync(entry, back, null, CancellationToken.None));
        Assert.Equal(FluxError.Conflict, stale.Error);
    }

    [Fact(Timeout = 60_000)]
    public async Task A_self_made_certificate_is_asked_about_once_and_then_pinned()
    {
        var folder = _folder.CreateSubdirectory("tls");
        using var certificate = SelfMadeCertificate.OpenOrMake(folder.FullName, TimeProvider.System);
        await using var server = new HttpServer();
        await server.StartAsync(listen => listen.UseFluxdTls(certificate));
        var target = new LinkTarget { Url = server.Address, Authorization = new AuthenticationHeaderValue("Bearer", HttpServer.Token) };
        await Assert.ThrowsAsync<HttpRequestException>(() => ServerSignIn.RunAsync(target, false, CancellationToken.None));
        string? asked = null;
        var signedIn = await ServerSignIn.RunAsync(target with { TrustOnFirstUse = f => (asked = f) == certificate.Fingerprint }, true, CancellationToken.None);
        Assert.Equal(("anna", certificate.Fingerprint), (signedIn.User, asked));
        Assert.NotNull(signedIn.Token);
        await ServerSignIn.RunAsync(target with { Pin = asked }, false, CancellationToken.None);
        await Assert.ThrowsAsync<HttpRequestException>(() => ServerSignIn.RunAsync(target with { Pin = new string('0', 64) }, false, CancellationToken.None));
    }

    [Fact(Timeout = 60_000)]
    public async Task The_doctor_finds_the_untrusted_proxy_and_what_passes()
    {
        var findings = await new ProxyDoctor(new LinkTarget { Url = _server.Address, Authorization = new AuthenticationHeaderValue("Bearer", HttpServer.Token) }).ExamineAsync(CancellationToken.None);
        Assert.All(findings, f => Assert.Equal(FindingState.Good, f.State));
        Assert.Equal(["dns", "connect", "addresses", "https", "http", "bodies", "buffering", "answers", "caching", "methods", "headers", "events", "http3"], findings.Select(f => f.Name));
    }

    private static MirrorItem Item(string name, long size = 1, int time = 0, bool folder = false) =>
        new(name, folder, size, DateTimeOffset.UnixEpoch.AddSeconds(time));

    [Fact]
    public void A_mirror_copies_what_differs_and_removes_only_when_told()
    {
        MirrorItem[] from = [Item("d", folder: true), Item("d/new"), Item("same"), Item("longer", 2), Item("newer", 1, 5)];
        MirrorItem[] to = [Item("same"), Item("longer"), Item("newer"), Item("extra"), Item("extra-folder", folder: true), Item("extra-folder/x")];
        Assert.Equal(
            ["MakeFolder d", "Copy d/new", "Copy longer", "Copy newer"],
            Mirror.Plan(from, to, remove: false).Select(s => $"{s.Action} {s.Name}"));
        Assert.Equal(
            ["Remove extra-folder/x", "Remove extra-folder", "Remove extra"],
            Mirror.Plan(from, to, remove: true).Where(s => s.Action == MirrorAction.Remove).Select(s => $"{s.Action} {s.Name}"));
        Assert.Throws<FluxException>(() => Mirror.Plan([Item("a")], [Item("a", folder: true)], false));
    }

    [Fact]
    public void Many_removals_are_held_back_until_they_are_meant()
    {
        var there = Enumerable.Range(0, 100).Select(i => Item($"f{i}")).ToList();
        var plan = Mirror.Plan([], there, remove: true);
        Assert.Equal(FluxError.Denied, Assert.Throws<FluxException>(() => Mirror.CheckRemovals(plan, 100, force: false)).Error);
        Mirror.CheckRemovals(plan, 100, force: true);
        Mirror.CheckRemovals(Mirror.Plan(there.Skip(15).ToList(), there, remove: true), 100, force: false);
        Assert.Throws<FluxException>(() => Mirror.CheckRemovals(Mirror.Plan(there.Skip(25).ToList(), there, remove: true), 100, force: false));
    }

    /// <summary>Fails every Nth call: in turn before the call reaches the server and after its answer was on the way back.</summary>
    public class FaultyLink : DispatchProxy
    {
        private ILink _inner = null!;
        private int _every;
        private int _bodyBytesMax;
        private int _calls;
        private Action<string>? _before;

        public static ILink Make(ILink inner, int every, int bodyBytesMax = int.MaxValue, Action<string>? before = null)
        {
            var proxy = Create<ILink, FaultyLink>();
            var self = (FaultyLink)(object)proxy;
            (self._inner, self._every, self._bodyBytesMax, self._before) = (inner, every, bodyBytesMax, before);
            return proxy;
        }

        /// <summary>Cancels before the Nth read is made: that one never ends well, however fast the others were.</summary>
        public static ILink KillAtRead(ILink inner, int read, CancellationTokenSource kill)
        {
            var reads = 0;
            return Make(inner, every: 0, before: method =>
            {
                if (method == nameof(ILink.ReadAsync) && Interlocked.Increment(ref reads) == read)
                {
                    kill.Cancel();
                }
            });
        }

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
        {
            var call = Interlocked.Increment(ref _calls);
            _before?.Invoke(targetMethod!.Name);
            if (args is [string, IReadOnlyList<ChunkBytes> chunks, ..] && chunks.Sum(c => c.Bytes.Length) > _bodyBytesMax)
            {
                return Task.FromException(new FluxException(FluxError.TooLarge, "413"));
            }

            if (_every == 0 || call % _every != 0 || !typeof(Task).IsAssignableFrom(targetMethod!.ReturnType))
            {
                return targetMethod!.Invoke(_inner, args);
            }

            var result = targetMethod.ReturnType.IsGenericType ? targetMethod.ReturnType.GetGenericArguments()[0] : typeof(object);
            return typeof(FaultyLink).GetMethod(nameof(FailAsync), BindingFlags.NonPublic | BindingFlags.Static)!.MakeGenericMethod(result)
                .Invoke(null, [call % (2 * _every) == 0 ? (Task)targetMethod.Invoke(_inner, args)! : Task.CompletedTask]);
        }

        private static async Task<T> FailAsync<T>(Task first)
        {
            await first;
            throw new IOException("The connection was cut on purpose.");
        }
    }

    /// <summary>Pauses that are over at once.</summary>
    internal sealed class InstantTime : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            System.CreateTimer(callback, state, dueTime == Timeout.InfiniteTimeSpan ? dueTime : TimeSpan.Zero, period);
    }
}
