using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using Fluxd.LoadTests.House;

namespace Fluxd.LoadTests.Chaos;

/// <summary>What writers by plain requests share.</summary>
internal abstract class HttpWriter(Field field, string folder, int seed) : Writer(field, folder, seed)
{
    protected HttpClient Client { get; } = field.Client();

    protected Task<bool> PutAsync(string path, byte[] content) =>
        AskAsync(path, Ledger.Hash(content), () => SendAsync(() => new HttpRequestMessage(HttpMethod.Put, "v1/files" + path) { Content = new ByteArrayContent(content) }));

    protected Task<bool> DeleteAsync(string path) => AskAsync(path, null, () => SendAsync(() => new HttpRequestMessage(HttpMethod.Delete, "v1/files" + path)));

    protected async Task<bool> SendAsync(Func<HttpRequestMessage> make)
    {
        try
        {
            // Any refusal is one more way of not being acknowledged: a cut body is answered 400, and a DELETE that
            // HttpClient sends again over a new connection, because the first was carried out and not answered, 404.
            using var request = make();
            using var answer = await Client.SendAsync(request);
            return answer.IsSuccessStatusCode;
        }
        catch (Exception e) when (IsWeather(e))
        {
            return false;
        }
    }
}

/// <summary>Whole files by PUT, replaced, moved and deleted.</summary>
internal sealed class PutWriter(Field field, int seed) : HttpWriter(field, $"/put{seed}", seed)
{
    protected override async Task<bool> StepAsync(string path, CancellationToken ct)
    {
        var content = Field.Make(Random);
        if (!await PutAsync(path, content))
        {
            return false;
        }

        switch (Random.Next(8))
        {
            case 0:
                return await DeleteAsync(path);
            case 1:
                var to = path + "-moved" + Tries.ToString(CultureInfo.InvariantCulture);
                Ledger.Begin(to, Ledger.Hash(content));
                Ledger.Begin(path, null);
                if (!await SendAsync(() => new HttpRequestMessage(HttpMethod.Post, "v1/move") { Content = JsonContent.Create(new { from = path, to }) }))
                {
                    return false;
                }

                Ledger.Acknowledge(to);
                Ledger.Acknowledge(path);
                return true;
            default:
                return true;
        }
    }
}

/// <summary>
/// Writes what goes for good at once: removes the file, then empties the trash, others' files in it too. The collector
/// has work by it while everybody writes. What the retention lets go would be none: it lets nothing go in the first hour
/// after a start, nor for a day after the clock jumped.
/// </summary>
internal sealed class PurgingWriter(Field field, int seed) : HttpWriter(field, $"/purged{seed}", seed)
{
    /// <summary>Beside the field's bound, because what is purged gives its room back: so at a pace that the disk bears.</summary>
    private const int BytesEach = 1 << 20;

    private static readonly TimeSpan Pace = TimeSpan.FromSeconds(0.5);

    protected override async Task<bool> StepAsync(string path, CancellationToken ct)
    {
        await Task.Delay(Pace, CancellationToken.None);
        if (!await PutAsync(path, Field.Content(Random, BytesEach)) || !await DeleteAsync(path))
        {
            return false;
        }

        foreach (var id in await TrashAsync())
        {
            await SendAsync(() => new HttpRequestMessage(HttpMethod.Delete, "v1/trash/" + id));
        }

        return true;
    }

    private async Task<IReadOnlyList<string>> TrashAsync()
    {
        try
        {
            using var page = JsonDocument.Parse(await Client.GetStringAsync("v1/trash"));
            return [.. page.RootElement.GetProperty("entries").EnumerateArray().Select(item => item.GetProperty("id").ToString())];
        }
        catch (Exception e) when (IsWeather(e))
        {
            return [];
        }
    }
}
