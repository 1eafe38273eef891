using System.CommandLine;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Transports.Client;

namespace Fluxctl.Client;

internal sealed record ClientLine(string Event, string? Path = null, long? Bytes = null, long? Moved = null, double? Rate = null, double? SecondsLeft = null, string? Kind = null, DateTimeOffset? ModifiedAt = null, bool? Resumed = null, string? Detail = null, double? Seconds = null);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ClientLine))]
internal sealed partial class ClientJson : JsonSerializerContext;

/// <summary>One run of a client command: the link to the profile's server, and how to speak to the user.</summary>
internal sealed class ClientRun : IAsyncDisposable
{
    public static readonly Option<string> ProfileOption = new("--profile") { Description = "Which signed-in server", DefaultValueFactory = _ => "default", HelpName = "NAME" };

    public static readonly Option<bool> QuicOption = new("--quic") { Description = "Over QUIC or not at all; else QUIC for a server signed in to as quic://, with HTTPS where UDP is blocked" };

    // More than a keep-alive and its answer take.
    private static readonly TimeSpan s_silence = TimeSpan.FromSeconds(5);

    private readonly bool _json;
    private readonly long? _partBytes;
    private readonly bool _live = !Console.IsErrorRedirected;

    private ClientRun(Context context, Profile profile)
    {
        _json = context.Json;
        Server = profile.Url + "\n" + profile.User;
        _partBytes = profile.PartBytes;
    }

    /// <summary>Names server and account for resumes.</summary>
    public string Server { get; }

    public ILink Link { get; private set; } = null!;

    public FileSender Sender => new(Link, new ResumeNotes(Path.Combine(Profiles.Folder, "resume")), TimeProvider.System) { PartBytes = _partBytes };

    public ManySender Many => new(Link, Sender);

    /// <summary>Sends all, tells each that arrived, and fails at the end if one did not.</summary>
    public async Task SendAllAsync(IReadOnlyList<Outgoing> files, Action<Sent>? arrived, CancellationToken ct)
    {
        var faults = new List<Sent>();
        await Many.SendAsync(
            Server,
            files,
            sent =>
            {
                if (sent.Fault is null)
                {
                    arrived?.Invoke(sent);
                }
                else
                {
                    faults.Add(sent);
                    Note($"{sent.File.Target}: {sent.Fault.Message}");
                }
            },
            Progress,
            ct);
        if (faults is [var first, ..])
        {
            throw new FluxException(first.Fault!.Error, files.Count == 1 ? first.Fault.Message : $"{faults.Count} of {files.Count} files were not sent; the first: {first.Fault.Message}");
        }
    }

    public FileReceiver Receiver => new(Link, TimeProvider.System);

    private static async Task<ClientRun> OpenAsync(Context context, CancellationToken ct)
    {
        var profile = Profiles.Find(context.Get(ProfileOption) ?? "default");
        var run = new ClientRun(context, profile);
        run.Link = new RetryingLink(await run.ChooseAsync(profile, context.Get(QuicOption), ct), TimeProvider.System, run.Note);
        return run;
    }

    private async Task<ILink> ChooseAsync(Profile profile, bool quicOnly, CancellationToken ct)
    {
        var address = profile.Quic ?? (quicOnly ? new Uri(profile.Url).Authority : null);
        if (address is null)
        {
            return new HttpLink(Target(profile));
        }

        var blocked = new BlockedNetworks(Profiles.Folder, TimeProvider.System);
        if (!quicOnly && blocked.Until(address) is { } until)
        {
            Note($"UDP was blocked on this network; going over HTTPS, and trying QUIC again after {until.ToLocalTime():HH:mm}.");
            return new HttpLink(Target(profile));
        }

        var quic = new QuicLink(QuicTarget(address, new TokenCredential(profile.Token), profile.Pin));
        try
        {
            await quic.ReachAsync(ct);
            blocked.Forget(address);
            return quic;
        }
        catch (FluxException error) when (error.Error == FluxError.Unavailable)
        {
            await quic.DisposeAsync();
            if (quicOnly)
            {
                throw new CommandFailure(ExitCodes.Unreachable, error.Message);
            }

            blocked.Remember(address);

            // Only what can't be a different server's doing: a wrong certificate or a refused login is never retried elsewhere.
            Note($"{error.Message} Going over HTTPS.");
            return new HttpLink(Target(profile));
        }
        catch
        {
            await quic.DisposeAsync();
            throw;
        }
    }

    /// <param name="address">Host and port, as in a URL.</param>
    public static QuicTarget QuicTarget(string address, Credential credential, string? pin)
    {
        var url = new Uri("https://" + address);
        return new QuicTarget { Host = url.IdnHost, Port = url.Port, Credential = credential, Pin = pin };
    }

    private static LinkTarget Target(Profile profile) => new()
    {
        Url = new Uri(profile.Url),
        Authorization = new AuthenticationHeaderValue("Bearer", profile.Token),
        Pin = profile.Pin,
    };

    /// <summary>Makes a client command: failures of the server become one sentence and an exit code.</summary>
    public static Command Make(Verb verb, Func<ClientRun, Context, CancellationToken, Task> work)
    {
        verb.With(ProfileOption, QuicOption);
        return verb.Does(async (context, ct) =>
        {
            try
            {
                await using var run = await OpenAsync(context, ct);
                using var working = CancellationTokenSource.CreateLinkedTokenSource(ct);
                var telling = run.TellSilenceAsync(working.Token);
                try
                {
                    await work(run, context, ct);
                }
                finally
                {
                    await working.CancelAsync();
                    await telling;
                }

                return ExitCodes.Good;
            }
            catch (FluxException error)
            {
                throw new CommandFailure(error.Error == FluxError.Unauthenticated ? ExitCodes.Unreachable : ExitCodes.Failed, error.Message);
            }
            catch (HttpRequestException error)
            {
                throw new CommandFailure(ExitCodes.Unreachable, Unreachable(error));
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                throw CommandFailure.Failed(error.Message);
            }
        });
    }

    public static string Unreachable(HttpRequestException error) => error.HttpRequestError == HttpRequestError.SecureConnectionError
        ? "The server's certificate is not the one this profile trusts; if it was changed on purpose, run fluxctl login again. " + (error.InnerException?.Message ?? "")
        : "The server can't be reached: " + error.Message;

    /// <summary>Tells waiting from working: each second that the server has been silent for long, until the work ends.</summary>
    private async Task TellSilenceAsync(CancellationToken ct)
    {
        using var seconds = new PeriodicTimer(TimeSpan.FromSeconds(1));
        while (!ct.IsCancellationRequested)
        {
            try
            {
                await seconds.WaitForNextTickAsync(ct);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            if (Link.Silence is var silence && silence >= s_silence)
            {
                Waiting(silence);
            }
        }
    }

    private void Waiting(TimeSpan silence)
    {
        if (_json)
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(new ClientLine("waiting", Seconds: Math.Round(silence.TotalSeconds)), ClientJson.Default.ClientLine));
        }
        else if (_live)
        {
            Console.Error.Write($"\r\u001b[KWaiting for the server: nothing has come for {silence.TotalSeconds:0} s. The transfer goes on by itself.");
        }
    }

    public static FilePath Remote(string text) => FilePath.Parse(text);

    public void Say(ClientLine line, string words)
    {
        if (_live && !_json)
        {
            Console.Error.Write("\r\u001b[K");
        }

        Console.Out.WriteLine(_json ? JsonSerializer.Serialize(line, ClientJson.Default.ClientLine) : words);
    }

    public void Note(string words)
    {
        if (_json)
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(new ClientLine("note", Detail: words), ClientJson.Default.ClientLine));
        }
        else
        {
            Console.Error.WriteLine((_live ? "\r\u001b[K" : "") + words);
        }
    }

    public void Progress(ProgressReport report)
    {
        if (_json)
        {
            var line = new ClientLine("progress", report.Name, report.Done, report.Moved, report.BytesPerSecond, report.Left?.TotalSeconds);
            Console.Out.WriteLine(JsonSerializer.Serialize(line, ClientJson.Default.ClientLine));
        }
        else if (_live)
        {
            var share = report.Total == 0 ? 100 : 100 * report.Done / report.Total;
            var left = report.Left is { TotalHours: < 100 } time ? $", {time:hh\\:mm\\:ss} left" : "";
            Console.Error.Write($"\r\u001b[K{report.Name}  {share} %  {Size(report.Done)} of {Size(report.Total)}, {Size((long)report.BytesPerSecond)}/s{left}");
        }
    }

    public static string Size(long bytes)
    {
        string[] units = ["B", "KiB", "MiB", "GiB", "TiB"];
        var value = (double)bytes;
        var unit = 0;
        while (value >= 1024 && unit < units.Length - 1)
        {
            value /= 1024;
            unit++;
        }

        return string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{(unit == 0 ? value.ToString("0", System.Globalization.CultureInfo.InvariantCulture) : value.ToString("0.0", System.Globalization.CultureInfo.InvariantCulture))} {units[unit]}");
    }

    public ValueTask DisposeAsync() => Link.DisposeAsync();
}
