using System.Text;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Admin;
using Fluxd.Core.Files;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Fluxd.Daemon.AdminSocket;

/// <summary>Users, their SSH keys and their API keys.</summary>
internal sealed class UserRoutes
{
    private readonly IAccounts _accounts;

    private UserRoutes(IAccounts accounts) => _accounts = accounts;

    public static void Map(IEndpointRouteBuilder v1, IAccounts accounts)
    {
        var routes = new UserRoutes(accounts);
        v1.MapCall("GET", "/users", routes.ListAsync);
        v1.MapCall("POST", "/users", routes.AddAsync);
        v1.MapCall("GET", "/users/{name}", routes.ShowAsync);
        v1.MapCall("DELETE", "/users/{name}", routes.RemoveAsync);
        v1.MapCall("PUT", "/users/{name}/password", routes.PasswordAsync);
        v1.MapCall("PUT", "/users/{name}/quota", routes.QuotaAsync);
        v1.MapCall("PUT", "/users/{name}/state", routes.StateAsync);
        v1.MapCall("GET", "/users/{name}/keys", routes.KeysAsync);
        v1.MapCall("POST", "/users/{name}/keys", routes.AddKeyAsync);
        v1.MapCall("DELETE", "/users/{name}/keys/{key}", routes.RemoveKeyAsync);
        v1.MapCall("GET", "/tokens", routes.TokensAsync);
        v1.MapCall("GET", "/users/{name}/tokens", routes.TokensAsync);
        v1.MapCall("POST", "/users/{name}/tokens", routes.CreateTokenAsync);
        v1.MapCall("DELETE", "/tokens/{id}", routes.RevokeTokenAsync);
    }

    private async Task ListAsync(HttpContext context)
    {
        var records = new List<UserRecord>();
        foreach (var user in _accounts.Users)
        {
            try
            {
                records.Add(await RecordAsync(user, context.RequestAborted));
            }
            catch (FluxException removed) when (removed.Error == FluxError.NotFound)
            {
                // By somebody else, since the list was taken.
            }
        }

        await AdminCall.AnswerAsync(context, records, AdminJson.Default.IReadOnlyListUserRecord);
    }

    private async Task AddAsync(HttpContext context)
    {
        var request = await AdminCall.ReadAsync(context, AdminJson.Default.AddUserRequest);
        var made = request.OneTimePassword && request.Password is null ? OneTimePassword.New() : null;
        var password = request.Password ?? made;
        var user = await _accounts.AddUserAsync(
            AdminCall.ActorOf(context),
            new NewUser
            {
                Name = request.Name,
                Password = password is null ? (ReadOnlyMemory<byte>?)null : Encoding.UTF8.GetBytes(password),
                OneTimePassword = request.OneTimePassword,
                IsAdmin = request.Admin,
                QuotaBytes = request.QuotaBytes,
                QuotaFiles = request.QuotaFiles,
                RequiredMethods = AdminRecordsOf.Methods(request.Requires),
            },
            context.RequestAborted);
        await AnswerAsync(context, user, made);
    }

    private Task ShowAsync(HttpContext context) => AnswerAsync(context, Known(context), null);

    private async Task RemoveAsync(HttpContext context)
    {
        var user = Known(context);
        var record = await RecordAsync(user, context.RequestAborted);
        await _accounts.RemoveUserAsync(AdminCall.ActorOf(context), user.Name, context.RequestAborted);
        await AdminCall.AnswerAsync(context, new UserAnswer(record), AdminJson.Default.UserAnswer);
    }

    private async Task PasswordAsync(HttpContext context)
    {
        var request = await AdminCall.ReadAsync(context, AdminJson.Default.SetPasswordRequest);
        var made = request.Password is null ? OneTimePassword.New() : null;
        var bytes = Encoding.UTF8.GetBytes(request.Password ?? made!);
        var user = await _accounts.SetPasswordAsync(
            AdminCall.ActorOf(context), AdminCall.Route(context, "name"), bytes, request.OneTime || made is not null, context.RequestAborted);
        await AnswerAsync(context, user, made);
    }

    private async Task QuotaAsync(HttpContext context)
    {
        var request = await AdminCall.ReadAsync(context, AdminJson.Default.SetQuotaRequest);
        await ChangeAsync(context, new UserChange
        {
            QuotaBytes = request.SetBytes ? new Quota(request.Bytes) : null,
            QuotaFiles = request.SetFiles ? new Quota(request.Files) : null,
        });
    }

    private async Task StateAsync(HttpContext context)
    {
        var request = await AdminCall.ReadAsync(context, AdminJson.Default.SetStateRequest);
        await ChangeAsync(context, new UserChange
        {
            State = request.State is { } state ? StateOf(state) : null,
            IsAdmin = request.Admin,
            RequiredMethods = request.Requires is { } requires ? AdminRecordsOf.Methods(requires) : null,
        });
    }

    private async Task ChangeAsync(HttpContext context, UserChange change) => await AnswerAsync(
        context, await _accounts.ChangeUserAsync(AdminCall.ActorOf(context), AdminCall.Route(context, "name"), change, context.RequestAborted), null);

    private Task KeysAsync(HttpContext context) => AdminCall.AnswerAsync(
        context, [.. _accounts.SshKeys(AdminCall.Route(context, "name")).Select(AdminRecordsOf.Key)], AdminJson.Default.IReadOnlyListSshKeyRecord);

    private async Task AddKeyAsync(HttpContext context)
    {
        var request = await AdminCall.ReadAsync(context, AdminJson.Default.AddSshKeyRequest);
        var key = await _accounts.AddSshKeyAsync(AdminCall.ActorOf(context), AdminCall.Route(context, "name"), request.Line, context.RequestAborted);
        await AdminCall.AnswerAsync(context, AdminRecordsOf.Key(key), AdminJson.Default.SshKeyRecord);
    }

    private async Task RemoveKeyAsync(HttpContext context)
    {
        await _accounts.RemoveSshKeyAsync(AdminCall.ActorOf(context), AdminCall.Route(context, "name"), AdminCall.Route(context, "key"), context.RequestAborted);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private Task TokensAsync(HttpContext context) => AdminCall.AnswerAsync(
        context,
        [.. _accounts.Tokens(context.GetRouteValue("name") is null ? null : AdminCall.Route(context, "name")).Select(AdminRecordsOf.Token)],
        AdminJson.Default.IReadOnlyListTokenRecord);

    private async Task CreateTokenAsync(HttpContext context)
    {
        var request = await AdminCall.ReadAsync(context, AdminJson.Default.CreateTokenRequest);
        var token = await _accounts.CreateTokenAsync(
            AdminCall.ActorOf(context),
            new NewToken
            {
                UserName = AdminCall.Route(context, "name"),
                Scopes = AdminRecordsOf.ScopesOf(request.Scopes),
                Name = request.Name ?? "",
                PathPrefix = PrefixOf(request.PathPrefix ?? "/"),
                ExpiresAt = request.ExpiresAt is { } time ? FileTime.From(time) : null,
            },
            context.RequestAborted);
        await AdminCall.AnswerAsync(context, new TokenAnswer(AdminRecordsOf.Token(token.Token), token.Secret), AdminJson.Default.TokenAnswer);
    }

    /// <summary>What a key may reach is written out: a ".." too many would make it the whole home.</summary>
    private static FilePath PrefixOf(string path) => path.Split('/').Contains("..")
        ? throw FluxException.Invalid($"\"{path}\" goes up by \"..\"; name the folder that the key is for, from the top: /photos/2026")
        : FilePath.Parse(path);

    private async Task RevokeTokenAsync(HttpContext context)
    {
        var token = await _accounts.RevokeTokenAsync(AdminCall.ActorOf(context), AdminCall.Route(context, "id"), context.RequestAborted);
        await AdminCall.AnswerAsync(context, AdminRecordsOf.Token(token), AdminJson.Default.TokenRecord);
    }

    private UserInfo Known(HttpContext context)
    {
        var name = AdminCall.Route(context, "name");
        return _accounts.FindUser(name) ?? throw FluxException.NotFound($"There is no user \"{name}\"; see them with: fluxctl users list");
    }

    private async Task AnswerAsync(HttpContext context, UserInfo user, string? oneTimePassword) => await AdminCall.AnswerAsync(
        context, new UserAnswer(await RecordAsync(user, context.RequestAborted), oneTimePassword), AdminJson.Default.UserAnswer);

    private async Task<UserRecord> RecordAsync(UserInfo user, CancellationToken ct) =>
        AdminRecordsOf.User(user, await _accounts.UsageOfAsync(user.Name, ct));

    private static UserState StateOf(string word) => word switch
    {
        "active" => UserState.Active,
        "disabled" => UserState.Disabled,
        _ => throw FluxException.Invalid($"\"{word}\" is no state; active and disabled are."),
    };
}
