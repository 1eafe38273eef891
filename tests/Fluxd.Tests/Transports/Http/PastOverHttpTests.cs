using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using Fluxd.Testing;
using Xunit;

namespace Fluxd.Tests.Transports.Http;

/// <summary>Versions and snapshots come in pages, and a page begins where the one before ended.</summary>
public sealed class PastOverHttpTests : HttpOverTheStoreTest
{
    private readonly ManualTime _time;

    public PastOverHttpTests()
        : this(new ManualTime())
    {
    }

    private PastOverHttpTests(ManualTime time)
        : base(time) => _time = time;

    [Fact(Timeout = 60_000)]
    public async Task Versions_are_paged_newest_first()
    {
        for (var i = 0; i < 5; i++)
        {
            _time.Advance(TimeSpan.FromHours(1));
            (await Send("PUT", "/v1/files/v", [(byte)i])).EnsureSuccessStatusCode();
        }

        var all = Values(await Client.GetFromJsonAsync<JsonElement>("/v1/versions/v"), "versions", "version");
        Assert.Equal(5, all.Count);
        Assert.Equal(all, await PagesAsync("/v1/versions/v?limit=2&before=", long.MaxValue.ToString(CultureInfo.InvariantCulture), "versions", "version", 3));
    }

    [Fact(Timeout = 60_000)]
    public async Task Snapshots_are_paged_newest_first()
    {
        _time.Advance(TimeSpan.FromHours(4.5));
        var all = Values(await Client.GetFromJsonAsync<JsonElement>("/v1/snapshots"), "snapshots", "name");
        Assert.Equal(["2026-01-01T04-00-00Z", "2026-01-01T03-00-00Z", "2026-01-01T02-00-00Z", "2026-01-01T01-00-00Z", "2026-01-01T00-00-00Z"], all);
        Assert.Equal(all, await PagesAsync("/v1/snapshots?limit=2&cursor=", "~", "snapshots", "name", 3));
    }

    private async Task<List<string>> PagesAsync(string url, string first, string list, string key, int count)
    {
        var (found, next) = (new List<string>(), (string?)first);
        for (; next is not null; count--)
        {
            var page = await Client.GetFromJsonAsync<JsonElement>(url + next);
            found.AddRange(Values(page, list, key));
            next = page.TryGetProperty("next", out var more) && more.ValueKind != JsonValueKind.Null ? more.ToString() : null;
        }

        Assert.Equal(0, count);
        return found;
    }

    private static List<string> Values(JsonElement page, string list, string key) => [.. page.GetProperty(list).EnumerateArray().Select(entry => entry.GetProperty(key).ToString())];
}
