using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using Fluxd.Transports.Http.Wire;

namespace Fluxd.Transports.Http.OpenApi;

/// <summary>OpenAPI 3.1, made from the very table that requests are dispatched by, with schemas from the JSON metadata.</summary>
internal static class OpenApiDocument
{
    public static byte[] Write(IReadOnlyList<Route> routes, string? publicUrl = null)
    {
        var schemas = new JsonObject();
        var paths = new JsonObject();
        Reference(typeof(Problem), schemas);
        foreach (var group in routes.Where(r => r.Pattern.StartsWith("/v1", StringComparison.Ordinal)).GroupBy(r => r.Pattern))
        {
            var item = new JsonObject();
            foreach (var route in group)
            {
                item[route.Method.ToLowerInvariant()] = Operation(route, schemas);
            }

            paths[group.Key.Replace("*}", "}", StringComparison.Ordinal)] = item;
        }

        var document = new JsonObject
        {
            ["openapi"] = "3.1.0",
            ["info"] = new JsonObject
            {
                ["title"] = "fluxd",
                ["version"] = "1",
                ["description"] = "Files, resumable uploads, delta transfer and a change feed. Paths in URLs are percent-encoded name by name; the slashes between names are not encoded.",
            },
            ["servers"] = new JsonArray(new JsonObject { ["url"] = publicUrl ?? "/" }),
            ["security"] = new JsonArray(Need("bearer"), Need("basic"), Need("session")),
            ["paths"] = paths,
            ["components"] = new JsonObject { ["schemas"] = schemas, ["securitySchemes"] = Schemes() },
        };
        return JsonSerializer.SerializeToUtf8Bytes(document, IndentedJson.Default.JsonObject);
    }

    private static JsonObject Operation(Route route, JsonObject schemas)
    {
        var operation = new JsonObject { ["summary"] = route.Summary, ["operationId"] = Id(route), ["parameters"] = Parameters(route) };
        if (route.Has(RouteTraits.Anonymous))
        {
            operation["security"] = new JsonArray();
        }

        if (route.Body is not null)
        {
            operation["requestBody"] = new JsonObject { ["required"] = true, ["content"] = Json(route.Body, schemas) };
        }

        var success = new JsonObject { ["description"] = "Done." };
        if (route.Answer is not null)
        {
            success["content"] = Json(route.Answer, schemas);
        }

        operation["responses"] = new JsonObject
        {
            [route.Success.ToString(System.Globalization.CultureInfo.InvariantCulture)] = success,
            ["default"] = new JsonObject
            {
                ["description"] = "A problem document (RFC 9457) with a stable code.",
                ["content"] = new JsonObject { ["application/problem+json"] = new JsonObject { ["schema"] = Reference(typeof(Problem), schemas) } },
            },
        };
        return operation;
    }

    private static string Id(Route route) => (route.Method.ToLowerInvariant() + route.Pattern)
        .Replace("/v1/", "_", StringComparison.Ordinal).Replace("*", "", StringComparison.Ordinal)
        .Replace("{", "by_", StringComparison.Ordinal).Replace("}", "", StringComparison.Ordinal)
        .Replace("/", "_", StringComparison.Ordinal).Replace(".", "_", StringComparison.Ordinal);

    private static JsonArray Parameters(Route route)
    {
        var all = new JsonArray();
        foreach (var part in route.Parts.Where(p => p.StartsWith('{')))
        {
            all.Add((JsonNode)Parameter(part.Trim('{', '}', '*'), "path", part.Contains('*') ? "Names with '/' between, each percent-encoded." : null));
        }

        foreach (var query in route.Query)
        {
            var colon = query.IndexOf(':');
            all.Add((JsonNode)Parameter(query[..colon], "query", query[(colon + 1)..].Trim()));
        }

        foreach (var header in route.Headers)
        {
            all.Add((JsonNode)Parameter(header, "header", null));
        }

        return all;
    }

    private static JsonObject Parameter(string name, string place, string? description)
    {
        var parameter = new JsonObject { ["name"] = name, ["in"] = place, ["required"] = place == "path", ["schema"] = new JsonObject { ["type"] = "string" } };
        if (description is not null)
        {
            parameter["description"] = description;
        }

        return parameter;
    }

    private static JsonObject Json(Type type, JsonObject schemas) =>
        new() { ["application/json"] = new JsonObject { ["schema"] = Reference(type, schemas) } };

    private static JsonObject Reference(Type type, JsonObject schemas)
    {
        if (!schemas.ContainsKey(type.Name))
        {
            schemas[type.Name] = WireJson.Default.Options.GetJsonSchemaAsNode(type, new JsonSchemaExporterOptions { TreatNullObliviousAsNonNullable = true });
        }

        return new JsonObject { ["$ref"] = $"#/components/schemas/{type.Name}" };
    }

    private static JsonObject Need(string scheme) => new() { [scheme] = new JsonArray() };

    private static JsonObject Schemes() => new()
    {
        ["bearer"] = new JsonObject { ["type"] = "http", ["scheme"] = "bearer", ["description"] = "An API key flx_…, or a token of /v1/auth/token." },
        ["basic"] = new JsonObject { ["type"] = "http", ["scheme"] = "basic", ["description"] = "Over TLS or on this machine only." },
        ["session"] = new JsonObject { ["type"] = "apiKey", ["in"] = "cookie", ["name"] = "__Host-fluxd", ["description"] = "With the header X-CSRF-Token for everything but GET and HEAD." },
    };
}

[System.Text.Json.Serialization.JsonSourceGenerationOptions(WriteIndented = true)]
[System.Text.Json.Serialization.JsonSerializable(typeof(JsonObject))]
internal sealed partial class IndentedJson : System.Text.Json.Serialization.JsonSerializerContext;
