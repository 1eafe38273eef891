using System.Net.Http.Headers;
using Fluxd.Core;
using Fluxd.Core.Admin;
using Fluxd.Transports.Client;

namespace Fluxctl.Client;

/// <summary>What <c>doctor --url</c> finds, in the form of the other checks.</summary>
internal static class PublicChecks
{
    public static async Task<IReadOnlyList<CheckRecord>> RunAsync(Context context, string url, CancellationToken ct)
    {
        var profile = Profiles.Find(context.Get(ClientRun.ProfileOption) ?? "default");
        if (!Uri.TryCreate(url, UriKind.Absolute, out var address) || address.Scheme is not ("https" or "http"))
        {
            throw CommandFailure.Usage("The URL must begin with https:// or http://.");
        }

        if (address.Scheme == "http" && !address.IsLoopback)
        {
            throw CommandFailure.Usage("Over plain http:// everybody on the way could read the key; use https://.");
        }

        try
        {
            var target = new LinkTarget { Url = address, Authorization = new AuthenticationHeaderValue("Bearer", profile.Token), Pin = profile.Pin };
            var doctor = new ProxyDoctor(target);
            var findings = await doctor.ExamineAsync(ct);
            Remember(context, profile, address, findings, doctor.PartBytes);
            return [.. findings.Select(f => new CheckRecord("proxy." + f.Name, StateOf(f.State), f.Found, f.Cure))];
        }
        catch (FluxException error)
        {
            throw CommandFailure.Failed(error.Message);
        }
        catch (HttpRequestException error)
        {
            throw new CommandFailure(ExitCodes.Unreachable, ClientRun.Unreachable(error));
        }
    }

    /// <summary>Uploads of this profile keep below what passed, from now on and without trying; a cap that is gone is forgotten.</summary>
    private static void Remember(Context context, Profile profile, Uri address, IReadOnlyList<Finding> findings, long? partBytes)
    {
        if (new Uri(profile.Url).Authority == address.Authority && findings.Any(finding => finding.Name == "bodies") && profile.PartBytes != partBytes)
        {
            Profiles.Save(context.Get(ClientRun.ProfileOption) ?? "default", profile with { PartBytes = partBytes });
        }
    }

    private static CheckState StateOf(FindingState state) => state switch
    {
        FindingState.Good => CheckState.Good,
        FindingState.Warning => CheckState.Warning,
        _ => CheckState.Bad,
    };
}
