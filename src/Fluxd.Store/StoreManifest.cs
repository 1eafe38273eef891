using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using Fluxd.Core;
using Fluxd.Store.Disk;
using Fluxd.Store.Packs;

namespace Fluxd.Store;

/// <summary>
/// store.json: what this store is. Replaced whole or not at all. It holds the key of the trailers, so only its owner
/// can read it.
/// </summary>
internal sealed record StoreManifest
{
    public const string FileName = "store.json";

    /// <summary>Features of this code by kind. An unknown compatible one can be ignored, an unknown read-only one forbids
    /// writing, an unknown incompatible one forbids opening.</summary>
    private static readonly string[] s_knownReadOnly = [], s_knownIncompatible = ["zstd"];

    private const string TemporaryName = "store.json.new";
    private const int CurrentFormat = 1;

    public int Format { get; init; } = CurrentFormat;

    public required Guid Uuid { get; init; }

    /// <summary>Raised by every rebuild, for whoever reads the file: nothing depends on it, since the log tells how new a catalogue is.</summary>
    public required long Generation { get; init; }

    public string Chunker { get; init; } = Core.Chunking.Chunker.Id;

    /// <summary>16 hex digits.</summary>
    public string ChunkerSeed { get; init; } = SeedText(Core.Chunking.Chunker.Seed);

    public long PackBytes { get; init; } = StoreLimits.PackBytes;

    /// <summary>64 hex digits.</summary>
    public required string Key { get; init; }

    public IReadOnlyList<string> Compatible { get; init; } = [];

    public IReadOnlyList<string> ReadOnlyCompatible { get; init; } = [];

    public IReadOnlyList<string> Incompatible { get; init; } = [];

    /// <summary>A feature that this code doesn't know lets it read but not write; null: writing is fine.</summary>
    [JsonIgnore]
    public string? ReadOnlyBecauseOf => ReadOnlyCompatible.Except(s_knownReadOnly).FirstOrDefault();

    [JsonIgnore]
    public StoreIdentity Identity => new(Uuid, Convert.FromHexString(Key));

    /// <summary>A new store's manifest: new uuid, new key.</summary>
    public static StoreManifest CreateNew(long packBytes = StoreLimits.PackBytes) => new()
    {
        Uuid = Guid.NewGuid(),
        Generation = 1,
        PackBytes = packBytes,
        Key = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(StoreIdentity.KeyBytes)),
        Incompatible = ["zstd"],
    };

    /// <summary>Reads and checks store.json; null when there is none.</summary>
    /// <exception cref="FluxException">It is damaged, or of a store that this version can't open: the message says
    /// what to do.</exception>
    public static StoreManifest? Read(IDisk disk)
    {
        if (!disk.Exists(FileName))
            return null;
        using var file = disk.Open(FileName, DiskMode.Read);
        if (file.Length is 0 or > StoreLimits.ManifestBytesMax)
            throw Damaged($"it has {file.Length} bytes");
        var bytes = new byte[file.Length];
        file.Read(bytes, 0);
        try
        {
            var manifest = JsonSerializer.Deserialize(bytes, StoreManifestJson.Default.StoreManifest) ?? throw Damaged("it is empty");
            manifest.Check();
            return manifest;
        }
        catch (JsonException e)
        {
            throw Damaged($"line {e.LineNumber + 1}: {e.Message}", e);
        }
    }

    /// <summary>Replaces store.json; durable when this returns.</summary>
    public void Write(IDisk disk)
    {
        Check();
        using (var file = disk.Open(TemporaryName, DiskMode.Truncate))
        {
            file.Write(JsonSerializer.SerializeToUtf8Bytes(this, StoreManifestJson.Default.StoreManifest), 0);
            file.Sync();
        }
        disk.Rename(TemporaryName, FileName);
        disk.SyncDirectory("");
    }

    private static string SeedText(ulong seed) => seed.ToString("x16", CultureInfo.InvariantCulture);

    private static FluxException Damaged(string what, Exception? cause = null) => new(FluxError.Corrupt,
        $"store.json is damaged ({what}): put back a copy of it from a backup; nothing was changed.", cause);

    private void Check()
    {
        if (Format != CurrentFormat)
            throw Unknown($"format {Format}");
        if (Incompatible.Except(s_knownIncompatible).FirstOrDefault() is { } feature)
            throw Unknown($"the feature '{feature}'");
        if (Chunker != Core.Chunking.Chunker.Id || ChunkerSeed != SeedText(Core.Chunking.Chunker.Seed))
            throw Unknown($"the chunker '{Chunker}' with seed {ChunkerSeed}");
        if (Uuid == Guid.Empty)
            throw Damaged("the uuid is missing");
        if (Key.Length != 2 * StoreIdentity.KeyBytes || !Key.All(char.IsAsciiHexDigit))
            throw Damaged("the key isn't 64 hex digits");
        if (PackBytes < StoreLimits.PackBytesMin || Generation < 1)
            throw Damaged("the pack size or the generation is impossible");
    }

    private static FluxException Unknown(string what) => new(FluxError.Unavailable,
        $"This store uses {what}, which this version of fluxd doesn't know: install a newer fluxd; nothing was changed.");
}

[JsonSourceGenerationOptions(
    WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip)]
[JsonSerializable(typeof(StoreManifest))]
internal sealed partial class StoreManifestJson : JsonSerializerContext;
