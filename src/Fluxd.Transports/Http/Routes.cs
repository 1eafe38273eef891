namespace Fluxd.Transports.Http;

[Flags]
internal enum RouteTraits
{
    None = 0,

    /// <summary>Nobody has to be signed in.</summary>
    Anonymous = 1,

    /// <summary>Counts against the account limiter instead of the request limiter.</summary>
    Account = 2,

    /// <summary>A signed URL may open it.</summary>
    Signable = 4,

    /// <summary>Moves bytes: gets a transfer id of its own.</summary>
    Transfer = 8,
}

/// <summary>
/// One line of the API: what is dispatched is what the OpenAPI document shows.
/// <paramref name="Pattern"/> segments are literals, <c>{name}</c>, or <c>{path*}</c> for the rest.
/// </summary>
internal sealed record Route(string Method, string Pattern, string Summary, Func<Exchange, CancellationToken, Task> Handle)
{
    public RouteTraits Traits { get; init; }

    public Type? Body { get; init; }

    public Type? Answer { get; init; }

    public int Success { get; init; } = 200;

    /// <summary>Query parameters and headers worth documenting: "name: what it does".</summary>
    public IReadOnlyList<string> Query { get; init; } = [];

    public IReadOnlyList<string> Headers { get; init; } = [];

    public string[] Parts { get; } = Pattern[1..].Split('/');

    public bool Has(RouteTraits trait) => (Traits & trait) != 0;
}

/// <summary>Finds the route of a request by its raw segments; no decoding before a route is known.</summary>
internal sealed class RouteTable
{
    private readonly Dictionary<string, List<Route>> _byWord = [];

    public RouteTable(IEnumerable<Route> routes)
    {
        All = [.. routes];
        foreach (var route in All)
        {
            if (!_byWord.TryGetValue(Word(route.Parts), out var list))
            {
                _byWord[Word(route.Parts)] = list = [];
            }

            list.Add(route);
        }
    }

    public IReadOnlyList<Route> All { get; }

    private static string Word(ReadOnlySpan<string> parts) => parts.Length > 1 && parts[0] == "v1" ? parts[1] : "";

    /// <param name="allowed">The methods of routes whose pattern fits: empty when none does.</param>
    public Route? Find(string method, string[] segments, out IReadOnlyList<string> allowed)
    {
        allowed = [];
        if (!_byWord.TryGetValue(Word(segments), out var candidates))
        {
            return null;
        }

        var fitting = new List<string>();
        foreach (var route in candidates)
        {
            if (Fits(route.Parts, segments))
            {
                if (route.Method == method)
                {
                    return route;
                }

                fitting.Add(route.Method);
            }
        }

        allowed = fitting;
        return null;
    }

    private static bool Fits(string[] parts, string[] segments)
    {
        for (var i = 0; i < parts.Length; i++)
        {
            if (parts[i] == "{path*}")
            {
                return true;
            }

            if (i >= segments.Length || (parts[i].StartsWith('{') ? segments[i].Length == 0 : parts[i] != segments[i]))
            {
                return false;
            }
        }

        return parts.Length == segments.Length;
    }
}
