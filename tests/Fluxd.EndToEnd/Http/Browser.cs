using System.Diagnostics;
using System.Net.WebSockets;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Fluxd.EndToEnd.Http;

/// <summary>Debian's Chromium without a window, driven by the DevTools protocol: one page, a profile of its own.</summary>
internal sealed class Browser : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private readonly Process _process;
    private readonly DirectoryInfo _folder;
    private readonly ClientWebSocket _socket = new();
    private readonly Dictionary<int, TaskCompletionSource<JsonNode>> _asked = [];
    private readonly List<string> _complaints = [];
    private readonly SemaphoreSlim _sending = new(1);
    private Task _receiving = Task.CompletedTask;
    private string _session = "";
    private int _next;

    private Browser(Process process, DirectoryInfo folder) => (_process, _folder) = (process, folder);

    /// <summary>Where what the page saves ends up.</summary>
    public string Downloads => Path.Combine(_folder.FullName, "downloads");

    /// <summary>What the page's console said of errors: a broken policy or script shows here.</summary>
    public IReadOnlyList<string> Complaints
    {
        get
        {
            lock (_complaints)
            {
                return [.. _complaints];
            }
        }
    }

    public static async Task<Browser> StartAsync(params string[] options)
    {
        var folder = Directory.CreateTempSubdirectory("fluxd-browser-");
        var start = new ProcessStartInfo("chromium", [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
            "--ignore-certificate-errors", "--remote-debugging-port=0", "--user-data-dir=" + Path.Combine(folder.FullName, "profile"), .. options, "about:blank",
        ])
        { RedirectStandardError = true, RedirectStandardOutput = true };
        start.Environment["HOME"] = folder.FullName;
        var browser = new Browser(Process.Start(start) ?? throw new InvalidOperationException("chromium did not start."), folder);
        try
        {
            await browser.ConnectAsync().WaitAsync(Patience);
            return browser;
        }
        catch
        {
            await browser.DisposeAsync();
            throw;
        }
    }

    public async Task OpenAsync(string url)
    {
        await CallAsync("Page.navigate", new JsonObject { ["url"] = url });
        await UntilAsync("document.readyState === 'complete' && location.href.startsWith('http')");
    }

    /// <summary>The value of an expression of the page's own world.</summary>
    public async Task<JsonNode?> EvaluateAsync(string expression)
    {
        var answer = await CallAsync("Runtime.evaluate", new JsonObject { ["expression"] = expression, ["returnByValue"] = true, ["awaitPromise"] = true, ["userGesture"] = true });
        return answer["exceptionDetails"] is { } thrown
            ? throw new InvalidOperationException($"The page threw at {expression}: {thrown.ToJsonString()}")
            : answer["result"]!["value"];
    }

    /// <summary>Waits for something to become true in the page.</summary>
    public async Task UntilAsync(string condition)
    {
        var began = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                if ((await EvaluateAsync($"!!({condition})"))?.GetValue<bool>() == true)
                {
                    return;
                }
            }
            catch (InvalidOperationException) when (began.Elapsed < Patience)
            {
                // The page is being replaced, or not that far.
            }

            if (began.Elapsed > Patience)
            {
                var body = await EvaluateAsync("document.body.innerText");
                throw new TimeoutException($"It never came true: {condition}. The page shows: {body}. Its console: {string.Join("; ", Complaints)}");
            }

            await Task.Delay(50);
        }
    }

    /// <summary>Chooses a file in an input, as a person does in the dialogue.</summary>
    public async Task ChooseAsync(string selector, string path)
    {
        var document = await CallAsync("DOM.getDocument", []);
        var node = await CallAsync("DOM.querySelector", new JsonObject { ["nodeId"] = document["root"]!["nodeId"]!.GetValue<int>(), ["selector"] = selector });
        await CallAsync("DOM.setFileInputFiles", new JsonObject { ["files"] = new JsonArray(path), ["nodeId"] = node["nodeId"]!.GetValue<int>() });
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
        }

        await _process.WaitForExitAsync();
        await _receiving.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _process.Dispose();
        _socket.Dispose();
        _sending.Dispose();
        for (var tries = 0; ; tries++)
        {
            try
            {
                _folder.Delete(recursive: true);
                return;
            }
            catch (IOException) when (tries < 100)
            {
                await Task.Delay(50); // its helpers end after it, and still write
            }
        }
    }

    private async Task ConnectAsync()
    {
        const string announcement = "DevTools listening on ";
        string? line;
        var said = new List<string>();
        while ((line = await _process.StandardError.ReadLineAsync()) is not null && !line.StartsWith(announcement, StringComparison.Ordinal))
        {
            said.Add(line);
        }

        if (line is null)
        {
            throw new InvalidOperationException("Chromium ended at once: " + string.Join('\n', said));
        }

        _process.ErrorDataReceived += (_, _) => { };
        _process.OutputDataReceived += (_, _) => { };
        _ = _process.StandardError.ReadToEndAsync();
        _process.BeginOutputReadLine();
        await _socket.ConnectAsync(new Uri(line[announcement.Length..]), CancellationToken.None);
        _receiving = ReceiveAsync();
        var targets = await CallAsync("Target.getTargets", []);
        var page = targets["targetInfos"]!.AsArray().First(target => (string?)target!["type"] == "page")!;
        var attached = await CallAsync("Target.attachToTarget", new JsonObject { ["targetId"] = (string?)page["targetId"], ["flatten"] = true });
        _session = (string)attached["sessionId"]!;
        Directory.CreateDirectory(Downloads);
        await CallAsync("Page.enable", []);
        await CallAsync("Runtime.enable", []);
        await CallAsync("Log.enable", []);
        await CallAsync("Browser.setDownloadBehavior", new JsonObject { ["behavior"] = "allow", ["downloadPath"] = Downloads });
    }

    private async Task<JsonNode> CallAsync(string method, JsonObject parameters)
    {
        var id = Interlocked.Increment(ref _next);
        var message = new JsonObject { ["id"] = id, ["method"] = method, ["params"] = parameters };
        if (_session.Length > 0)
        {
            message["sessionId"] = _session;
        }

        var answer = new TaskCompletionSource<JsonNode>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_asked)
        {
            _asked[id] = answer;
        }

        await _sending.WaitAsync();
        try
        {
            await _socket.SendAsync(JsonSerializer.SerializeToUtf8Bytes(message), WebSocketMessageType.Text, true, CancellationToken.None);
        }
        finally
        {
            _sending.Release();
        }

        var told = await answer.Task.WaitAsync(Patience);
        return told["error"] is { } error ? throw new InvalidOperationException($"{method}: {error.ToJsonString()}") : told["result"]!;
    }

    private async Task ReceiveAsync()
    {
        var buffer = new byte[64 << 10];
        using var message = new MemoryStream();
        try
        {
            while (true)
            {
                var got = await _socket.ReceiveAsync(buffer, CancellationToken.None);
                if (got.MessageType == WebSocketMessageType.Close)
                {
                    break;
                }

                message.Write(buffer, 0, got.Count);
                if (got.EndOfMessage)
                {
                    Take(JsonNode.Parse(message.ToArray())!);
                    message.SetLength(0);
                }
            }
        }
        catch (WebSocketException)
        {
            // The browser is gone.
        }

        lock (_asked)
        {
            foreach (var waiting in _asked.Values)
            {
                waiting.TrySetException(new InvalidOperationException("The browser is gone."));
            }
        }
    }

    private void Take(JsonNode message)
    {
        if (message["id"] is { } id)
        {
            lock (_asked)
            {
                _asked.Remove(id.GetValue<int>(), out var waiting);
                waiting?.TrySetResult(message);
            }

            return;
        }

        var complaint = (string?)message["method"] switch
        {
            "Log.entryAdded" when (string?)message["params"]!["entry"]!["level"] == "error" => (string?)message["params"]!["entry"]!["text"],
            "Runtime.exceptionThrown" => message["params"]!["exceptionDetails"]!.ToJsonString(),
            _ => null,
        };
        if (complaint is not null)
        {
            lock (_complaints)
            {
                _complaints.Add(complaint);
            }
        }
    }
}
