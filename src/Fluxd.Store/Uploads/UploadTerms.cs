using System.Text.Json;
using System.Text.Json.Serialization;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;

namespace Fluxd.Store.Uploads;

/// <summary>What a session's creator asked for, as the row keeps it.</summary>
internal sealed record UploadTerms
{
    public bool NotExists { get; init; }

    public bool MustExist { get; init; }

    public long? Version { get; init; }

    public IReadOnlyList<byte[]>? Tags { get; init; }

    public IReadOnlyList<byte[]>? TagsNot { get; init; }

    public int? Mode { get; init; }

    public long? ModifiedAt { get; init; }

    public long? AccessedAt { get; init; }

    public bool MakeParents { get; init; }

    public static UploadTerms From(UploadRequest request) => new()
    {
        NotExists = request.Precondition.NotExists,
        MustExist = request.Precondition.MustExist,
        Version = request.Precondition.Version,
        Tags = request.Precondition.Tags?.Select(tag => tag.ToArray()).ToList(),
        TagsNot = request.Precondition.TagsNot?.Select(tag => tag.ToArray()).ToList(),
        Mode = request.Attributes?.Mode,
        ModifiedAt = request.Attributes?.ModifiedAt?.Nanoseconds,
        AccessedAt = request.Attributes?.AccessedAt?.Nanoseconds,
        MakeParents = request.MakeParents,
    };

    public static UploadTerms Parse(string json) => JsonSerializer.Deserialize(json, UploadTermsJson.Default.UploadTerms) ?? new UploadTerms();

    public override string ToString() => JsonSerializer.Serialize(this, UploadTermsJson.Default.UploadTerms);

    [JsonIgnore]
    public Precondition Precondition => new()
    {
        NotExists = NotExists,
        MustExist = MustExist,
        Version = Version,
        Tags = Tags?.Select(tag => (ReadOnlyMemory<byte>)tag).ToList(),
        TagsNot = TagsNot?.Select(tag => (ReadOnlyMemory<byte>)tag).ToList(),
    };

    [JsonIgnore]
    public AttributeChange Attributes => new()
    {
        Mode = Mode,
        ModifiedAt = ModifiedAt is { } modified ? new FileTime(modified) : null,
        AccessedAt = AccessedAt is { } accessed ? new FileTime(accessed) : null,
    };
}

[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault)]
[JsonSerializable(typeof(UploadTerms))]
internal sealed partial class UploadTermsJson : JsonSerializerContext;
