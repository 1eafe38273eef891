using System.Text.Json;
using System.Text.Json.Serialization;

namespace Fluxctl.Client;

/// <param name="Url">HTTPS.</param>
/// <param name="Quic">Host and port where fluxd/1 is tried first; null: HTTPS alone.</param>
/// <param name="PartBytes">The largest body that passes the proxies before it, where <c>doctor --url</c> found a cap.</param>
/// <param name="Pin">SHA-256 of a certificate that no authority vouches for.</param>
internal sealed record Profile(string Url, string User, string Token, string? Pin, string? Quic = null, long? PartBytes = null);

internal sealed record ProfileFile(Dictionary<string, Profile> Profiles);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ProfileFile))]
internal sealed partial class ProfileJson : JsonSerializerContext;

/// <summary>Servers that this user signed in to: one file that only the user may read, because it holds keys.</summary>
internal static class Profiles
{
    public static string Folder =>
        Environment.GetEnvironmentVariable("FLUXCTL_CONFIG") is { Length: > 0 } set ? set
        : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.ApplicationData, Environment.SpecialFolderOption.DoNotVerify), "fluxd");

    private static string FilePath => Path.Combine(Folder, "profiles.json");

    public static Profile Find(string name) => Read().Profiles.TryGetValue(name, out var profile)
        ? profile
        : throw CommandFailure.Usage($"There is no profile \"{name}\" yet; run: fluxctl login https://SERVER{(name == "default" ? "" : " --profile " + name)}");

    public static void Save(string name, Profile profile)
    {
        var file = Read();
        file.Profiles[name] = profile;
        Directory.CreateDirectory(Folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var temporary = FilePath + ".new";
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite };
        using (var stream = new FileStream(temporary, options))
        {
            JsonSerializer.Serialize(stream, file, ProfileJson.Default.ProfileFile);
        }

        File.Move(temporary, FilePath, overwrite: true);
    }

    private static ProfileFile Read()
    {
        try
        {
            return File.Exists(FilePath)
                ? JsonSerializer.Deserialize(File.ReadAllBytes(FilePath), ProfileJson.Default.ProfileFile) ?? new ProfileFile([])
                : new ProfileFile([]);
        }
        catch (Exception error) when (error is JsonException or IOException or UnauthorizedAccessException)
        {
            throw CommandFailure.Failed($"{FilePath} can't be read ({error.Message}); repair or remove it and sign in again.");
        }
    }
}
