using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Transports.Ssh.Auth;
using Fluxd.Transports.Ssh.Wire;

namespace Fluxd.Transports.Ssh;

/// <summary>
/// RFC 4252, RFC 4256 and OpenSSH's hostbound keys. Who is right is <see cref="IAuthenticator"/>'s business; here are the
/// messages, the signatures, and the bounds: tries, probes, requests.
/// </summary>
internal sealed partial class SshServerSession
{
    private const string HostBound = "publickey-hostbound-v00@openssh.com";
    private const string ConnectionService = "ssh-connection";

    private bool _authServiceStarted;
    private string? _userName;
    private AuthMethods _done;
    private AuthMethods _remaining = AuthMethods.PublicKey | AuthMethods.Password;
    private bool _askedForPassword;
    private bool _onlySftp;
    private int _tries;
    private int _probes;
    private int _requests;
    private IDisposable? _registration;

    private ValueTask HandleLoginAsync(byte id, ReadOnlyMemory<byte> payload)
    {
        switch (id)
        {
            case MessageId.ServiceRequest:
                HandleServiceRequest(payload.Span);
                return ValueTask.CompletedTask;
            case MessageId.UserAuthRequest when _authServiceStarted:
                return HandleAuthRequestAsync(payload);
            case MessageId.UserAuthInfoResponse when _askedForPassword:
                return HandleInfoResponseAsync(payload);
            case >= MessageId.GlobalRequest and <= MessageId.ChannelFailure:
                throw new SshProtocolException(DisconnectReason.ProtocolError, $"Message {id} came before the login.");
            default:
                SendUnimplemented();
                return ValueTask.CompletedTask;
        }
    }

    private void HandleServiceRequest(ReadOnlySpan<byte> payload)
    {
        var reader = new SshReader(payload[1..]);
        var service = reader.Name();
        if (service != "ssh-userauth")
        {
            throw new SshProtocolException(DisconnectReason.ServiceNotAvailable, "Only ssh-userauth can be asked for.");
        }

        _authServiceStarted = true;
        _outbound.Send(new SshWriter(MessageId.ServiceAccept).String(service));
    }

    private ValueTask HandleAuthRequestAsync(ReadOnlyMemory<byte> payload)
    {
        var reader = new SshReader(payload.Span[1..]);
        var user = reader.Text(SshLimits.UserNameBytesMax);
        var service = reader.Name();
        var method = reader.Name();
        _askedForPassword = false;
        if (service != ConnectionService || (_userName ??= user) != user)
        {
            throw new SshProtocolException(DisconnectReason.ProtocolError, "The user or service changed during the login.");
        }

        if (++_requests > SshLimits.AuthRequestsMax)
        {
            throw new SshProtocolException(DisconnectReason.NoMoreAuthMethodsAvailable, "Too many login requests.");
        }

        switch (method)
        {
            case "publickey" or HostBound:
                return HandlePublicKeyAsync(payload, ref reader, method);
            case "password":
                if (reader.Boolean())
                {
                    // A change of password is offered nowhere, so nobody asks for it in good faith.
                    return RefuseAsync();
                }

                return HandlePasswordAsync(reader.String(Core.Limits.PasswordBytesMax * 4).ToArray());
            case "keyboard-interactive":
                AskForPassword();
                return ValueTask.CompletedTask;
            default:
                SendFailure(partial: false);
                return ValueTask.CompletedTask;
        }
    }

    private void AskForPassword()
    {
        _askedForPassword = true;
        _outbound.Send(new SshWriter(MessageId.UserAuthInfoRequest).String("").String("").String("").UInt32(1).String("Password: ").Boolean(false));
    }

    private ValueTask HandleInfoResponseAsync(ReadOnlyMemory<byte> payload)
    {
        _askedForPassword = false;
        var reader = new SshReader(payload.Span[1..]);
        if (reader.UInt32() != 1)
        {
            return RefuseAsync();
        }

        return HandlePasswordAsync(reader.String(Core.Limits.PasswordBytesMax * 4).ToArray());
    }

    /// <summary>The authenticator refuses a password with a NUL or one that is too long, at the same price as a wrong one.</summary>
    private async ValueTask HandlePasswordAsync(byte[] password)
    {
        HasTriedToLogIn = true;
        try
        {
            var result = await _options.Authenticator.AuthenticateAsync(new PasswordCredential(_userName!, password), _peer, _done, _stop.Token);
            if (result.Outcome is AuthOutcome.Success or AuthOutcome.Partial && password.AsSpan().Contains((byte)0))
            {
                result = AuthResult.Failed;
            }

            Conclude(result, AuthMethods.Password, "password");
        }
        finally
        {
            Array.Clear(password);
        }
    }

    private ValueTask HandlePublicKeyAsync(ReadOnlyMemory<byte> payload, ref SshReader reader, string method)
    {
        var signed = reader.Boolean();
        var name = reader.Name();
        var blob = reader.String(SshLimits.PublicKeyBytesMax);
        if (method == HostBound && !IsOwnHostKey(reader.String(SshLimits.PublicKeyBytesMax)))
        {
            throw new SshProtocolException(DisconnectReason.ProtocolError, "The login is bound to another host key.");
        }

        var algorithm = UserKeyAlgorithms.Find(name);
        if (algorithm is null)
        {
            return signed ? RefuseAsync() : Probed();
        }

        if (!signed)
        {
            reader.End();
            return JudgeKeyAsync(algorithm, blob.ToArray(), proven: false);
        }

        var dataLength = payload.Length - reader.Rest.Length;
        var signature = reader.String(SshLimits.PublicKeyBytesMax);
        reader.End();
        var data = new SshWriter(dataLength + 100).String(_sessionId).Raw(payload.Span[..dataLength]).ToArray();
        return VerifyKeyAsync(algorithm, blob.ToArray(), signature.ToArray(), data);

        ValueTask Probed()
        {
            CountProbe();
            SendFailure(partial: false);
            return ValueTask.CompletedTask;
        }
    }

    private bool IsOwnHostKey(ReadOnlySpan<byte> blob)
    {
        foreach (var key in _options.HostKeys.Used)
        {
            if (blob.SequenceEqual(key.PublicBlob))
            {
                return true;
            }
        }

        return false;
    }

    private ValueTask VerifyKeyAsync(UserKeyAlgorithm algorithm, byte[] blob, byte[] signature, byte[] data)
    {
        HasTriedToLogIn = true;
        var keyBlob = algorithm.Certificate ? TryReadCertificate(algorithm, blob)?.PlainKey : blob;
        return keyBlob is not null && UserSignature.Verify(algorithm, keyBlob, signature, data)
            ? JudgeKeyAsync(algorithm, blob, proven: true)
            : RefuseAsync();
    }

    private async ValueTask JudgeKeyAsync(UserKeyAlgorithm algorithm, byte[] blob, bool proven)
    {
        if (!proven)
        {
            CountProbe();
        }

        Credential? credential = algorithm.Certificate ? JudgeCertificate(algorithm, blob, proven) : PlainKey(algorithm, blob, proven);
        var result = credential is null ? AuthResult.Failed : await _options.Authenticator.AuthenticateAsync(credential, _peer, _done, _stop.Token);
        if (proven)
        {
            Conclude(result, AuthMethods.PublicKey, algorithm.Name);
        }
        else if (result.Outcome is AuthOutcome.Success or AuthOutcome.Partial)
        {
            _outbound.Send(new SshWriter(MessageId.UserAuthPublicKeyOk).String(algorithm.Name).String(blob));
        }
        else
        {
            SendFailure(partial: false);
        }
    }

    private SshKeyCredential? PlainKey(UserKeyAlgorithm algorithm, byte[] blob, bool proven) =>
        TypeOf(blob) == algorithm.BlobType ? new(_userName!, blob, proven) : null;

    private static string? TypeOf(byte[] blob)
    {
        try
        {
            return new SshReader(blob).Name();
        }
        catch (SshProtocolException)
        {
            return null;
        }
    }

    private SshCertificateCredential? JudgeCertificate(UserKeyAlgorithm algorithm, byte[] blob, bool proven)
    {
        if (TryReadCertificate(algorithm, blob) is not { } certificate)
        {
            return null;
        }

        var verdict = _options.Authorities.Judge(certificate, _userName!, _peer.Address, _options.Time.GetUtcNow());
        if (!verdict.Accepted)
        {
            SshLog.CertificateRefused(_options.Logger, certificate.KeyId, _userName!, _peer.Address, verdict.Reason);
            return null;
        }

        _onlySftp |= proven && verdict.OnlySftp;
        return new(_userName!, certificate.KeyId, certificate.Serial, proven);
    }

    private static UserCertificate? TryReadCertificate(UserKeyAlgorithm algorithm, byte[] blob)
    {
        try
        {
            return UserCertificate.Read(algorithm, blob);
        }
        catch (SshProtocolException)
        {
            return null;
        }
    }

    private void CountProbe()
    {
        if (++_probes > SshLimits.KeyProbesMax)
        {
            throw new SshProtocolException(DisconnectReason.NoMoreAuthMethodsAvailable, "Too many keys were offered; name one with IdentitiesOnly and IdentityFile.");
        }
    }

    private void Conclude(AuthResult result, AuthMethods method, string how)
    {
        switch (result.Outcome)
        {
            case AuthOutcome.Success:
                Succeed(result.Principal!, how);
                break;
            case AuthOutcome.Partial:
                _done |= method;
                _remaining = result.Remaining;
                SendFailure(partial: true);
                break;
            case AuthOutcome.RateLimited:
                throw new SshProtocolException(
                    DisconnectReason.NoMoreAuthMethodsAvailable,
                    $"Too many failed logins; try again in {Math.Ceiling((result.RetryAfter ?? TimeSpan.FromMinutes(1)).TotalSeconds)} seconds.");
            default:
                CountTry();
                SendFailure(partial: false);
                break;
        }
    }

    /// <summary>For what is refused without asking the authenticator: a bad signature, a malformed answer.</summary>
    private ValueTask RefuseAsync()
    {
        HasTriedToLogIn = true;
        CountTry();
        SendFailure(partial: false);
        return ValueTask.CompletedTask;
    }

    private void CountTry()
    {
        if (++_tries >= SshLimits.AuthTriesMax)
        {
            throw new SshProtocolException(DisconnectReason.NoMoreAuthMethodsAvailable, "Too many failed logins.");
        }
    }

    private void Succeed(Principal principal, string how)
    {
        if (principal.MustChangePassword)
        {
            _outbound.Send(new SshWriter(MessageId.UserAuthBanner).String("Your password is temporary and will stop working soon: ask for one of your own (fluxctl users passwd NAME).\r\n").String(""));
        }

        try
        {
            _registration = _options.Sessions?.Register(principal, _peer, ClientVersion, () => Abort("the session was ended by the server"));
        }
        catch (FluxException full)
        {
            throw new SshProtocolException(DisconnectReason.TooManyConnections, full.Message);
        }

        Principal = principal;
        _deadline.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        SshLog.LoggedIn(_options.Logger, principal.UserName, _peer.Address, ClientVersion, how);
        _outbound.Send([MessageId.UserAuthSuccess]);
        AnnounceHostKeys();
        LoggedIn?.Invoke();
    }

    private void SendFailure(bool partial) => _outbound.Send(new SshWriter(MessageId.UserAuthFailure).NameList(MethodNames()).Boolean(partial));

    private IEnumerable<string> MethodNames()
    {
        var left = _remaining & ~_done;
        if ((left & AuthMethods.PublicKey) != 0)
        {
            yield return "publickey";
        }

        if ((left & AuthMethods.Password) != 0)
        {
            yield return "password";
            yield return "keyboard-interactive";
        }
    }
}
