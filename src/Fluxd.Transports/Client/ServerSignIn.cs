using System.Text.Json;
using Fluxd.Transports.Http.Wire;

namespace Fluxd.Transports.Client;

/// <param name="Token">A token made from a password; null where the given key itself goes on being used.</param>
public sealed record SignedIn(string User, string? Token);

/// <summary>Proves a credential to a server; a password is exchanged for a token, so that it need not be kept.</summary>
public static class ServerSignIn
{
    private const int TokenSeconds = 24 * 3600;

    public static async Task<SignedIn> RunAsync(LinkTarget target, bool exchange, CancellationToken ct)
    {
        await using var link = new HttpLink(target);
        using var answer = await link.Http.GetAsync("/v1/whoami", ct);
        if (!answer.IsSuccessStatusCode)
        {
            throw await LinkErrors.ReadAsync(answer, ct);
        }

        var who = JsonSerializer.Deserialize(await answer.Content.ReadAsByteArrayAsync(ct), WireJson.Default.WhoAnswer)
            ?? throw new IOException("The server answered with nothing.");
        if (!exchange)
        {
            return new SignedIn(who.User, null);
        }

        var token = await link.PostAsync("/v1/auth/token", new TokenBody(null, TokenSeconds, null, null), WireJson.Default.TokenBody, WireJson.Default.TokenAnswer, ct);
        return new SignedIn(who.User, token.AccessToken);
    }
}
