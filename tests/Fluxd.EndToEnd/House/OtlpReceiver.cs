using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Fluxd.EndToEnd.House;

/// <summary>
/// A collector that speaks OTLP as the specification has it, by gRPC (opentelemetry.proto.collector.*) or by HTTP with
/// protobuf bodies, and remembers the names of what came.
/// </summary>
internal sealed class OtlpReceiver : IAsyncDisposable
{
    private readonly WebApplication _app;

    private OtlpReceiver(WebApplication app) => _app = app;

    public ConcurrentDictionary<string, byte> Metrics { get; } = new();

    public ConcurrentDictionary<string, byte> Spans { get; } = new();

    public ConcurrentDictionary<string, byte> Services { get; } = new();

    public string Address { get; private set; } = "";

    public static async Task<OtlpReceiver> StartAsync(bool grpc)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(
            IPAddress.Loopback, 0, listen => listen.Protocols = grpc ? HttpProtocols.Http2 : HttpProtocols.Http1));
        var app = builder.Build();
        var receiver = new OtlpReceiver(app);
        app.Run(grpc ? receiver.GrpcAsync : receiver.HttpAsync);
        await app.StartAsync();
        receiver.Address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        return receiver;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task HttpAsync(HttpContext http)
    {
        var body = await ReadAsync(http);
        switch (http.Request.Path.Value)
        {
            case "/otlp/v1/metrics" when http.Request.ContentType == "application/x-protobuf":
                TakeMetrics(body);
                break;
            case "/otlp/v1/traces" when http.Request.ContentType == "application/x-protobuf":
                TakeTraces(body);
                break;
            default:
                http.Response.StatusCode = 404;
                return;
        }

        http.Response.ContentType = "application/x-protobuf";
    }

    /// <summary>One unary call: a message with its five-byte head there, an empty message and the status in trailers back.</summary>
    private async Task GrpcAsync(HttpContext http)
    {
        var body = await ReadAsync(http);
        var message = body.AsMemory(5, (int)BinaryPrimitives.ReadUInt32BigEndian(body.AsSpan(1)));
        switch (http.Request.Path.Value)
        {
            case "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export":
                TakeMetrics(message);
                break;
            case "/opentelemetry.proto.collector.trace.v1.TraceService/Export":
                TakeTraces(message);
                break;
            default:
                http.Response.StatusCode = 404;
                return;
        }

        http.Response.ContentType = "application/grpc";
        http.Response.DeclareTrailer("grpc-status");
        await http.Response.Body.WriteAsync(new byte[5]);
        http.Response.AppendTrailer("grpc-status", "0");
    }

    private static async Task<byte[]> ReadAsync(HttpContext http)
    {
        using var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body);
        return body.ToArray();
    }

    /// <summary>resource_metrics 1 → scope_metrics 2 → metrics 2 → name 1.</summary>
    private void TakeMetrics(ReadOnlyMemory<byte> message) => Take(message, 2, 1, Metrics);

    /// <summary>resource_spans 1 → scope_spans 2 → spans 2 → name 5.</summary>
    private void TakeTraces(ReadOnlyMemory<byte> message) => Take(message, 2, 5, Spans);

    private void Take(ReadOnlyMemory<byte> message, int items, int name, ConcurrentDictionary<string, byte> into)
    {
        foreach (var resource in Fields(message, 1))
        {
            // resource 1 → attributes 1 → value 2 → string_value 1.
            foreach (var text in Fields(resource, 1).SelectMany(r => Fields(r, 1)).SelectMany(a => Fields(a, 2)).SelectMany(v => Fields(v, 1)))
            {
                Services[Text(text)] = 0;
            }

            foreach (var text in Fields(resource, 2).SelectMany(scope => Fields(scope, items)).SelectMany(item => Fields(item, name)))
            {
                into[Text(text)] = 0;
            }
        }
    }

    private static string Text(ReadOnlyMemory<byte> bytes) => Encoding.UTF8.GetString(bytes.Span);

    /// <summary>The length-delimited fields of one number in a protobuf message.</summary>
    private static List<ReadOnlyMemory<byte>> Fields(ReadOnlyMemory<byte> message, int number)
    {
        var found = new List<ReadOnlyMemory<byte>>();
        for (var at = 0; at < message.Length;)
        {
            var tag = Varint(message.Span, ref at);
            switch (tag & 7)
            {
                case 0: Varint(message.Span, ref at); break;
                case 1: at += 8; break;
                case 5: at += 4; break;
                case 2:
                    var length = (int)Varint(message.Span, ref at);
                    if ((int)(tag >> 3) == number)
                    {
                        found.Add(message.Slice(at, length));
                    }

                    at += length;
                    break;
                default: throw new InvalidDataException($"wire type {tag & 7}");
            }
        }

        return found;
    }

    private static ulong Varint(ReadOnlySpan<byte> message, ref int at)
    {
        ulong value = 0;
        for (var shift = 0; ; shift += 7)
        {
            var next = message[at++];
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }
    }
}
