using Fluxd.Core;
using Fluxd.Daemon.Config;
using Fluxd.Store;
using Fluxd.Store.Files;
using Fluxd.Store.Packs.Codecs;
using Fluxd.Store.Upkeep.Copies;

namespace Fluxd.Daemon;

/// <summary>From the configuration to a store: opened at a start, made only on purpose.</summary>
internal static class StoreOpening
{
    public static async Task<FluxdStore> OpenAsync(LiveConfig config, bool mayCreate)
    {
        var options = OptionsOf(config.Current, StateFolder.Open(config.Current).Path, () => config.Current.Store.KeepFree.Bytes);
        return await InWordsAsync(config.Current.Store.Path, async () =>
        {
            if (mayCreate && !File.Exists(Path.Combine(options.Path, "store.json")))
            {
                await FluxdStore.InitAsync(options);
            }

            return FluxdStore.Open(options);
        });
    }

    /// <summary>For <c>fluxctl store init</c>.</summary>
    public static Task InitAsync(FluxdConfig config) => InWordsAsync(config.Store.Path, async () =>
    {
        await FluxdStore.InitAsync(OptionsOf(config, StateFolder.Open(config).Path, () => config.Store.KeepFree.Bytes));
        return true;
    });

    /// <summary>For <c>fluxctl store restore</c>.</summary>
    public static string Restore(string backup, string target) => InWords(target, () =>
    {
        var bytes = StoreRestore.Run(backup, Path.GetFullPath(target));
        return $"A store with {bytes} bytes of packs was made at {target}. Point [store] path there, and start fluxd.";
    });

    /// <summary>For <c>fluxctl store rebuild</c>.</summary>
    public static string Rebuild(FluxdConfig config) => InWords(config.Store.Path, () =>
    {
        var copy = FluxdStore.Rebuild(OptionsOf(config, StateFolder.Open(config).Path, () => 0));
        return $"The catalogue's copy of {copy.MadeAt:u} is in its place; what was committed since is played from the packs at the next start.";
    });

    /// <summary>For <c>fluxctl doctor</c> where no daemon runs: fails as an opening would, and changes nothing.</summary>
    public static void Examine(FluxdConfig config) => InWords(config.Store.Path, () => FluxdStore.Examine(OptionsOf(config, StateFolder.PathOf(config), () => 0)));

    /// <summary>For <c>fluxctl store verify</c>.</summary>
    public static Task<(bool IsWhole, string Told)> VerifyAsync(string folder) => InWordsAsync(folder, async () =>
    {
        var report = await FluxdStore.VerifyAsync(Path.GetFullPath(folder), CancellationToken.None);
        var lines = report.Findings.Select(finding => $"{(finding.IsDamage ? "DAMAGE" : "note  ")}  {finding.What}{string.Concat(finding.Paths.Select(path => $"\n        {path}"))}");
        var more = report.More > 0 ? $", and {report.More} that are not listed" : "";
        return (!report.HasDamage, string.Join('\n', lines.Append($"{report.Findings.Count} findings{more}; {report.Chunks} chunks, {report.BytesRead} bytes read and compared.")));
    });

    public static RetentionPolicy RetentionOf(StoreConfig config) =>
        new() { Keep = config.Retention.Span, BudgetOfQuota = config.VersionsPercent / 100.0, KeepUploads = config.UploadExpiry.Span };

    private static StoreOptions OptionsOf(FluxdConfig config, string state, Func<long> keepFree) => new()
    {
        Path = config.Store.Path,
        CatalogPath = config.Store.CatalogPath.Length > 0 ? config.Store.CatalogPath : null,
        Compression = Enum.Parse<CompressionMode>(config.Store.Compression, ignoreCase: true),
        KeepFree = keepFree,
        UuidPath = Path.Combine(state, "store-uuid"),
    };

    private static T InWords<T>(string path, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FluxException(FluxError.Unavailable, $"The store at {path} can't be used: {e.Message}", e);
        }
    }

    private static async Task<T> InWordsAsync<T>(string path, Func<Task<T>> work)
    {
        try
        {
            return await work();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FluxException(FluxError.Unavailable, $"The store at {path} can't be opened: {e.Message}", e);
        }
    }
}
