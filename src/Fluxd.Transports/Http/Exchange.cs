using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Core.Transfers;
using Fluxd.Transports.Http.Wire;
using Fluxd.Transports.Net;
using Microsoft.AspNetCore.Http;

namespace Fluxd.Transports.Http;

/// <summary>One request on its way: who asks, for what, and how to answer. One owner, lives as long as the request.</summary>
internal sealed class Exchange(HttpApi api, HttpContext http, Route route, string[] segments, string method)
{
    private Principal? _who;
    private FilePath? _path;

    public HttpApi Api { get; } = api;

    public HttpServices Services => Api.Services;

    public HttpContext Http { get; } = http;

    public HttpRequest Request => Http.Request;

    public HttpResponse Response => Http.Response;

    public Route Route { get; } = route;

    /// <summary>After a method override.</summary>
    public string Method { get; } = method;

    public bool IsHead => Method == "HEAD";

    public required PeerInfo Peer { get; init; }

    /// <summary>The connection to the client is encrypted: ours, or a trusted proxy says that its own is.</summary>
    public required bool IsSecure { get; init; }

    /// <summary>A trusted proxy stands in front.</summary>
    public bool IsTrusted { get; init; }

    public Principal Who
    {
        get => _who ?? throw new FluxException(FluxError.Unauthenticated, "Sign in first.");
        set => _who = value;
    }

    public Principal? WhoOrNull => _who;

    /// <summary>Set by the browser session that signed this request in.</summary>
    public Auth.SignedInBrowser? Session { get; set; }

    public CountedTransfer? Transfer { get; private set; }

    /// <summary>Begins the request's transfer, or goes on with one whose id is known.</summary>
    public ITransfer Begin(string kind, string? id = null)
    {
        if (Transfer is null)
        {
            Transfer = new CountedTransfer(Services.Transfers.Begin("http", _who?.UserName ?? "", Peer.Address.ToString(), kind, id), kind);
            Transfer.Note($"{Request.Protocol}{(IsSecure ? " with TLS" : "")}{(Peer.IsForwarded ? " through a proxy" : "")}");
        }

        if (!Response.HasStarted)
        {
            Response.Headers["Transfer-Id"] = Transfer.Id;
        }

        return Transfer;
    }

    public FilePath Path => _path ??= HttpPaths.FromSegments(segments.AsSpan(Array.IndexOf(Route.Parts, "{path*}")));

    /// <summary>The URL named a folder by its trailing slash.</summary>
    public bool HasTrailingSlash => segments[^1].Length == 0;

    public string Segment(string name)
    {
        var at = Array.IndexOf(Route.Parts, "{" + name + "}");
        return at >= 0 ? segments[at] : throw new InvalidOperationException($"The route has no segment {name}.");
    }

    // Most requests have no query: then none is parsed.
    public string? Query(string name) => Request.QueryString.HasValue && Request.Query.TryGetValue(name, out var values) && values.Count > 0 ? values[0] : null;

    public int QueryCount(string name, int fallback, int max)
    {
        var text = Query(name);
        return text is null ? fallback
            : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count > 0 ? Math.Min(count, max)
            : throw FluxException.Invalid($"\"{name}\" must be a whole number from 1 to {max}.");
    }

    public long? QueryLong(string name)
    {
        var text = Query(name);
        return text is null ? null
            : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value
            : throw FluxException.Invalid($"\"{name}\" must be a whole number.");
    }

    public bool QueryFlag(string name) => Query(name) is { } text
        && (text is "" or "1" or "true" || (text is "0" or "false" ? false : throw FluxException.Invalid($"\"{name}\" must be true or false.")));

    public string? Header(string name) => Request.Headers.TryGetValue(name, out var values) && values.Count > 0 ? values.ToString() : null;

    /// <summary>A whole number in a header; Invalid when it is there and is none.</summary>
    public long? HeaderLong(string name)
    {
        var text = Header(name);
        return text is null ? null
            : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value
            : throw FluxException.Invalid($"The header {name} must be one whole number.");
    }

    public async Task<T> ReadJsonAsync<T>(JsonTypeInfo<T> type, CancellationToken ct)
    {
        if (Request.ContentLength > HttpLimits.JsonBodyBytesMax)
        {
            throw new FluxException(FluxError.TooLarge, $"A JSON body has at most {HttpLimits.JsonBodyBytesMax} bytes.");
        }

        if (Request.ContentType is { } sent && !sent.StartsWith("application/json", StringComparison.OrdinalIgnoreCase))
        {
            throw new HttpRefusal(415, "unsupported_type", "Send the body as application/json.");
        }

        var limited = new BoundedStream(Request.Body, HttpLimits.JsonBodyBytesMax);
        return await JsonSerializer.DeserializeAsync(limited, type, ct)
            ?? throw FluxException.Invalid("The body must be a JSON object, not null.");
    }

    public async Task JsonAsync<T>(int status, T value, JsonTypeInfo<T> type, CancellationToken ct)
    {
        Response.StatusCode = status;
        Response.ContentType = "application/json";
        Response.Headers.CacheControl = "no-store";
        var bytes = new PooledBytes();
        await using (var json = new Utf8JsonWriter(bytes))
        {
            JsonSerializer.Serialize(json, value, type);
        }

        Response.ContentLength = bytes.Length;
        if (!IsHead)
        {
            await Response.Body.WriteAsync(bytes.Written, ct);
        }

        bytes.Dispose();
    }

    public Task AnswerAsync(int status)
    {
        Response.StatusCode = status;
        if (status is not (204 or 304))
        {
            Response.ContentLength = 0;
        }

        return Task.CompletedTask;
    }

    /// <summary>A link to hand on to others: on the address that the administrator names, else on the origin that the client used.</summary>
    public string Link(string pathAndQuery) => Services.Options().PublicUrl is { } url ? url + pathAndQuery : Absolute(pathAndQuery);

    /// <summary>An absolute URL on the origin that the client used.</summary>
    public string Absolute(string pathAndQuery) => $"{(IsSecure ? "https" : "http")}://{ForwardedHost ?? Request.Host.Value}{pathAndQuery}";

    public string? ForwardedHost { get; init; }

    public Task NodeAsync(int status, FilePath path, NodeInfo node, CancellationToken ct) =>
        JsonAsync(status, NodeEntry.From(path, node), WireJson.Default.NodeEntry, ct);
}

/// <summary>Fails with TooLarge instead of reading beyond a bound. Does not own the inner stream.</summary>
internal sealed class BoundedStream(Stream inner, long bytesMax) : Stream
{
    private long _read;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => _read; set => throw new NotSupportedException(); }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var count = await inner.ReadAsync(buffer, cancellationToken);
        _read += count;
        return _read > bytesMax ? throw new FluxException(FluxError.TooLarge, $"The body has more than {bytesMax} bytes.") : count;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
