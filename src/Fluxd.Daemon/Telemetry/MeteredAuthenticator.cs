using System.Diagnostics.Metrics;
using System.Text.Json;
using Fluxd.Core;
using Fluxd.Core.Accounts;

namespace Fluxd.Daemon.Telemetry;

/// <summary>Counts logins and refusals of all frontends at the one judge that they share.</summary>
internal sealed class MeteredAuthenticator(IAuthenticator inner) : IAuthenticator
{
    private static readonly Counter<long> s_logins = FluxTelemetry.Meter.CreateCounter<long>(
        "fluxd.logins", "{login}", "Credentials that were judged, by frontend, method and outcome (success, failure, partial, rate_limited)");

    // Each request over HTTP is a login: its name is not made anew for each.
    private static readonly string[] s_outcomes = [.. Enum.GetNames<AuthOutcome>().Select(JsonNamingPolicy.SnakeCaseLower.ConvertName)];

    public async ValueTask<AuthResult> AuthenticateAsync(Credential credential, PeerInfo peer, AuthMethods done, CancellationToken ct)
    {
        var result = await inner.AuthenticateAsync(credential, peer, done, ct);
        if (credential is not (SshKeyCredential { Proven: false } or SshCertificateCredential { Proven: false }))
        {
            // A probe of a key is a question, not a login.
            s_logins.Add(
                1, new("frontend", peer.Frontend), new("method", MethodOf(credential)), new("outcome", s_outcomes[(int)result.Outcome]));
        }

        return result;
    }

    public bool IsStillValid(Principal principal) => inner.IsStillValid(principal);

    private static string MethodOf(Credential credential) => credential switch
    {
        PasswordCredential => "password",
        TokenCredential => "token",
        SessionTokenCredential => "session_token",
        SshKeyCredential => "ssh_key",
        SshCertificateCredential => "ssh_certificate",
        _ => "other",
    };
}
