using System.Text.Json;
using System.Text.Json.Serialization;

namespace Fluxd.Core.Admin;

/// <summary>The one way in which admin records become JSON, generated at build time so that fluxctl starts fast.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UseStringEnumConverter = true,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = false,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip)]
[JsonSerializable(typeof(StatusRecord))]
[JsonSerializable(typeof(VersionRecord))]
[JsonSerializable(typeof(ReloadRecord))]
[JsonSerializable(typeof(IReadOnlyList<CheckRecord>))]
[JsonSerializable(typeof(UserRecord))]
[JsonSerializable(typeof(UserAnswer))]
[JsonSerializable(typeof(IReadOnlyList<UserRecord>))]
[JsonSerializable(typeof(RemovedUserRecord))]
[JsonSerializable(typeof(IReadOnlyList<RemovedUserRecord>))]
[JsonSerializable(typeof(AddUserRequest))]
[JsonSerializable(typeof(SetPasswordRequest))]
[JsonSerializable(typeof(SetQuotaRequest))]
[JsonSerializable(typeof(SetStateRequest))]
[JsonSerializable(typeof(SshKeyRecord))]
[JsonSerializable(typeof(IReadOnlyList<SshKeyRecord>))]
[JsonSerializable(typeof(AddSshKeyRequest))]
[JsonSerializable(typeof(TokenRecord))]
[JsonSerializable(typeof(TokenAnswer))]
[JsonSerializable(typeof(IReadOnlyList<TokenRecord>))]
[JsonSerializable(typeof(CreateTokenRequest))]
[JsonSerializable(typeof(GroupRecord))]
[JsonSerializable(typeof(IReadOnlyList<GroupRecord>))]
[JsonSerializable(typeof(AddGroupRequest))]
[JsonSerializable(typeof(FolderRecord))]
[JsonSerializable(typeof(IReadOnlyList<FolderRecord>))]
[JsonSerializable(typeof(AddFolderRequest))]
[JsonSerializable(typeof(SetRightRequest))]
[JsonSerializable(typeof(IReadOnlyList<SessionRecord>))]
[JsonSerializable(typeof(AuditPageRecord))]
[JsonSerializable(typeof(IReadOnlyList<HostKeyRecord>))]
[JsonSerializable(typeof(TransferRecord))]
[JsonSerializable(typeof(IReadOnlyList<TransferRecord>))]
[JsonSerializable(typeof(StoreStatRecord))]
[JsonSerializable(typeof(FsckRecord))]
[JsonSerializable(typeof(ScrubRecord))]
[JsonSerializable(typeof(GcRecord))]
[JsonSerializable(typeof(StoreFolderRequest))]
[JsonSerializable(typeof(ExportRecord))]
[JsonSerializable(typeof(BackupRecord))]
[JsonSerializable(typeof(CopyRecord))]
[JsonSerializable(typeof(ProblemRecord))]
public sealed partial class AdminJson : JsonSerializerContext
{
    /// <summary>Indented, for people who read <c>--json</c>.</summary>
    public static AdminJson Indented => field ??= new(new JsonSerializerOptions(Default.Options!) { WriteIndented = true });
}
