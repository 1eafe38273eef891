using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using Fluxd.LoadTests.House;

namespace Fluxd.LoadTests.Chaos;

/// <summary>What all writers share: where to, under which credential, and for how many bytes.</summary>
internal sealed class Field(TestedDaemon daemon, Relay http, Relay sftp, Ledger ledger, string key, string work, long bytesMax)
{
    private readonly byte[] _common = Content(new Random(1), 1 << 20);
    private long _bytes;

    public TestedDaemon Daemon => daemon;

    public Ledger Ledger => ledger;

    public string Work => work;

    public Relay Sftp => sftp;

    public AuthenticationHeaderValue Authorization { get; } = new("Bearer", key);

    /// <summary>What may be written is written: the rest of the time goes to overwriting small things.</summary>
    public bool IsFull => Interlocked.Read(ref _bytes) > bytesMax;

    /// <param name="isPatient">Who asks too much waits and asks again, as the answer says; for requests without a body.</param>
    public HttpClient Client(bool isPatient = false)
    {
        var sockets = new SocketsHttpHandler
        {
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(5),
            ConnectCallback = async (_, ct) =>
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                await socket.ConnectAsync(http.EndPoint, ct);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        var client = ClientOf(isPatient ? new Patient(sockets) : sockets, "http://localhost/");
        client.DefaultRequestHeaders.Add("Tus-Resumable", "1.0.0");
        return client;
    }

    /// <summary>Without a relay: it reads back when the trouble is over.</summary>
    public HttpClient HttpsClient()
    {
        // Self-made, and what is read is compared.
        var handler = new HttpClientHandler { ServerCertificateCustomValidationCallback = HttpClientHandler.DangerousAcceptAnyServerCertificateValidator };
        return ClientOf(new Patient(handler), $"https://127.0.0.1:{daemon.TlsPort}/");
    }

    /// <summary>Mostly small, some of many chunks; half of the larger ones begins with what others have too.</summary>
    public byte[] Make(Random random)
    {
        var kind = IsFull ? 0 : random.Next(100);
        var content = Content(random, kind < 60 ? random.Next(0, 100_000) : kind < 92 ? random.Next(100_000, 3_000_000) : random.Next(3_000_000, 12_000_000));
        if (content.Length > 2 * _common.Length && random.Next(2) == 0)
        {
            _common.CopyTo(content, 0);
        }

        Interlocked.Add(ref _bytes, content.Length);
        return content;
    }

    public static byte[] Content(Random random, int length)
    {
        var content = new byte[length];
        random.NextBytes(content);
        return content;
    }

    private HttpClient ClientOf(HttpMessageHandler handler, string address)
    {
        var client = new HttpClient(handler) { BaseAddress = new Uri(address), Timeout = TimeSpan.FromSeconds(120) };
        client.DefaultRequestHeaders.Authorization = Authorization;
        return client;
    }

    private sealed class Patient(HttpMessageHandler inner) : DelegatingHandler(inner)
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            for (var tries = 0; ; tries++)
            {
                var answer = await base.SendAsync(request, cancellationToken);
                if (answer.StatusCode is not (HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable) || tries == 60)
                {
                    return answer;
                }

                answer.Dispose();
                await Task.Delay(TimeSpan.FromSeconds(1), cancellationToken);
            }
        }
    }
}

/// <summary>One client that writes until it is told to stop. Faults of the connection are its daily bread; everything else ends the run.</summary>
internal abstract class Writer(Field field, string folder, int seed)
{
    private readonly List<string> _settled = [];

    protected Field Field { get; } = field;

    protected Ledger Ledger => Field.Ledger;

    protected Random Random { get; } = new(seed);

    protected string Folder { get; } = folder;

    public long Tries { get; private set; }

    public virtual string Name => GetType().Name;

    public async Task RunAsync(CancellationToken ct)
    {
        while (!ct.IsCancellationRequested)
        {
            Tries++;
            var path = string.Create(CultureInfo.InvariantCulture, $"{Folder}/{Tries % 7}/{Tries}");
            if (_settled.Count > 0 && (Field.IsFull || Random.Next(4) == 0))
            {
                path = _settled[Random.Next(_settled.Count)];
                _settled.Remove(path);
            }

            if (await StepAsync(path, ct))
            {
                _settled.Add(path);
            }
            else
            {
                await Task.Delay(50, CancellationToken.None); // no hammering at a daemon that is away
            }
        }
    }

    /// <summary>True when the name's state is known for sure: it may be used again.</summary>
    protected abstract Task<bool> StepAsync(string path, CancellationToken ct);

    /// <summary>Asks for a change, and writes down what came of it.</summary>
    protected async Task<bool> AskAsync(string path, string? hash, Func<Task<bool>> change)
    {
        Ledger.Begin(path, hash);
        if (await change())
        {
            Ledger.Acknowledge(path);
            return true;
        }

        return false;
    }

    protected static bool IsWeather(Exception e) => e is HttpRequestException or IOException or OperationCanceledException or SocketException;
}

/// <summary>Resumable uploads in pieces. An offset that was told once may never be smaller later.</summary>
internal sealed class TusWriter(Field field, int seed) : Writer(field, $"/tus{seed}", seed)
{
    private readonly HttpClient _client = field.Client();

    protected override async Task<bool> StepAsync(string path, CancellationToken ct)
    {
        var content = Field.Make(Random);
        var hash = Ledger.Hash(content);
        if (content.Length == 0 || await CreateAsync(path, content.Length) is not { } url)
        {
            return false;
        }

        long durable = 0;
        for (var failures = 0; failures < 200 && !ct.IsCancellationRequested;)
        {
            var at = await OffsetAsync(url);
            if (at is null)
            {
                failures++;
                await Task.Delay(100, CancellationToken.None);
                continue;
            }

            if (at < durable)
            {
                Ledger.Lost($"tus: {path} stood at {durable} and stands at {at} ({url})");
                return false;
            }

            durable = Math.Max(durable, at.Value);
            var count = (int)Math.Min(content.Length - durable, Random.Next(1, 700_000));
            var isLast = durable + count == content.Length;
            if (isLast)
            {
                Ledger.Begin(path, hash);
            }

            if (await PatchAsync(url, durable, content.AsMemory((int)durable, count)) is { } told)
            {
                durable = told;
                if (told == content.Length)
                {
                    Ledger.Acknowledge(path);
                    return true;
                }
            }
            else if (isLast)
            {
                return false; // it may be there or not: whole
            }
            else
            {
                failures++;
            }
        }

        return false;
    }

    private async Task<string?> CreateAsync(string path, long length)
    {
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "v1/uploads") { Content = new ByteArrayContent([]) };
            request.Headers.Add("Upload-Length", length.ToString(CultureInfo.InvariantCulture));
            request.Headers.Add("Upload-Metadata", "path " + Convert.ToBase64String(Encoding.UTF8.GetBytes(path)));
            using var answer = await _client.SendAsync(request);
            return answer.StatusCode == HttpStatusCode.Created ? answer.Headers.Location!.ToString()[answer.Headers.Location!.ToString().IndexOf("/v1/", StringComparison.Ordinal)..] : null;
        }
        catch (Exception e) when (IsWeather(e))
        {
            return null;
        }
    }

    private async Task<long?> OffsetAsync(string url)
    {
        try
        {
            using var answer = await _client.SendAsync(new HttpRequestMessage(HttpMethod.Head, url));
            if (answer.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.Gone)
            {
                Ledger.Lost($"tus: the session {url} is gone ({(int)answer.StatusCode})");
            }

            return answer.IsSuccessStatusCode && answer.Headers.TryGetValues("Upload-Offset", out var values) ? long.Parse(values.First(), CultureInfo.InvariantCulture) : null;
        }
        catch (Exception e) when (IsWeather(e))
        {
            return null;
        }
    }

    private async Task<long?> PatchAsync(string url, long offset, ReadOnlyMemory<byte> piece)
    {
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Patch, url) { Content = new ReadOnlyMemoryContent(piece) };
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/offset+octet-stream");
            request.Headers.Add("Upload-Offset", offset.ToString(CultureInfo.InvariantCulture));
            using var answer = await _client.SendAsync(request);
            return answer.IsSuccessStatusCode && answer.Headers.TryGetValues("Upload-Offset", out var values) ? long.Parse(values.First(), CultureInfo.InvariantCulture) : null;
        }
        catch (Exception e) when (IsWeather(e))
        {
            return null;
        }
    }
}

/// <summary>A program per file: OpenSSH's sftp, whose end with 0 says that CLOSE was answered with OK; or fluxctl, by one of its ways.</summary>
internal sealed class ProgramWriter(Field field, string way, int seed) : Writer(field, $"/{way}{seed}", seed)
{
    private static readonly TimeSpan Most = TimeSpan.FromSeconds(60);

    public override string Name => way == "sftp" ? "sftp" : "fluxctl by " + way;

    protected override async Task<bool> StepAsync(string path, CancellationToken ct)
    {
        var content = Field.Make(Random);
        var local = Path.Combine(Field.Work, way + "-file");
        await File.WriteAllBytesAsync(local, content, CancellationToken.None);
        return await AskAsync(path, Ledger.Hash(content), async () => (way == "sftp" ? await SftpAsync(local, path) : await FilesCtl.RunAsync(Field, way, Most, "put", local, "--to", path)).Code == 0);
    }

    private async Task<(int Code, string Output)> SftpAsync(string local, string path)
    {
        var batch = Path.Combine(Field.Work, "sftp-batch");
        // OpenSSH's put truncates and writes in place; fluxd shows the old file until CLOSE.
        await File.WriteAllTextAsync(batch, $"-mkdir {Folder}\n-mkdir {Path.GetDirectoryName(path)}\nput {local} {path}\n");
        return await Sftp.RunAsync(Field.Daemon.Password, Field.Sftp.EndPoint.Port, batch, Most);
    }
}

internal static class Sftp
{
    public static Task<(int Code, string Output)> RunAsync(string password, int port, string batch, TimeSpan most) => Tool.RunAsync(
        most, null, null, "sshpass", "-p", password, "sftp", "-q", "-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
        "-o", "GlobalKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "BatchMode=no", "-o", "ConnectTimeout=30", "-o", "NumberOfPasswordPrompts=1",
        "-P", port.ToString(CultureInfo.InvariantCulture), "-b", batch, "admin@127.0.0.1");
}

/// <summary>fluxctl as a client of the daemon, signed in for each way apart: "https", or "quic" alone without what it falls back to.</summary>
internal static class FilesCtl
{
    public static Task<(int Code, string Output)> LoginAsync(TestedDaemon daemon, string work, string way, EndPoint server, string key) =>
        RunAsync(daemon, work, way, TimeSpan.FromMinutes(2), key, "login", $"{way}://{server}", "--password-stdin", "--accept-new");

    public static Task<(int Code, string Output)> RunAsync(Field field, string way, TimeSpan most, params string[] arguments) =>
        RunAsync(field.Daemon, field.Work, way, most, null, way == "quic" ? [.. arguments, "--quic"] : arguments);

    private static Task<(int Code, string Output)> RunAsync(TestedDaemon daemon, string work, string way, TimeSpan most, string? input, params string[] arguments) => Tool.RunAsync(
        most, new Dictionary<string, string> { ["FLUXCTL_CONFIG"] = Path.Combine(work, "fluxctl-" + way) }, input, daemon.Fluxctl, arguments);
}
