using Fluxd.Core;
using Fluxd.Core.Admin;
using Fluxd.Daemon.AdminSocket;
using Fluxd.Daemon.Config;
using Fluxd.Daemon.Hosting;
using Fluxd.Store;
using Fluxd.Transports.Http.Tls;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fluxd.Daemon.Doctor;

/// <summary>
/// The round of <c>fluxctl doctor</c> where no daemon answers: the daemon's own checks, as far as they need none, and
/// what keeps one from starting. Opens, locks and makes nothing, so that it is never in the way of a start.
/// </summary>
internal static class OfflineDoctor
{
    /// <summary>They look at the process that they run in, which here is nobody's daemon.</summary>
    private static readonly string[] s_ofTheProcess = ["limits.nofile", "log.target", "security.non-root", "security.read-only-system"];

    public static async Task<IReadOnlyList<CheckRecord>> RunAsync(ConfigSources sources, CancellationToken ct)
    {
        var limits = new LimitChecks(new Kernel());
        IReadOnlyList<CheckRecord> found;
        try
        {
            found = await LookAsync(ConfigReader.Read(sources), sources.File, limits, ct);
        }
        catch (ConfigException e)
        {
            var cure = $"Correct it, then: fluxd{(sources.File is { } file ? " --config " + file : "")} --check-config   (what hangs on the settings was not looked at)";
            found = [.. e.Faults.Select(fault => Check.Bad("config.valid", fault.ToString(), cure)), .. await DoctorRound.RunAsync([limits], ct)];
        }

        return [.. found.Where(check => !s_ofTheProcess.Contains(check.Name))];
    }

    private static async Task<IReadOnlyList<CheckRecord>> LookAsync(FluxdConfig config, string? file, LimitChecks limits, CancellationToken ct)
    {
        var (state, rights) = (StateFolder.PathOf(config), Rights(config.Admin));
        var round = await DoctorRound.RunAsync(
            [
                limits, new DiskChecks(config.Store, state, new Kernel()), new LibraryChecks(config),
                new SecurityChecks(() => config, file, state, journalOffered: false),
                new NetworkChecks(() => config, () => []) { IsRunning = false },
            ],
            ct);
        return
        [
            Check.Good("config.valid", $"{file ?? "The built-in configuration"} is good."), rights,
            .. Unreadable(config, file), await SocketAsync(config.Admin, ct), Store(config), .. await CertificateAsync(config, ct), .. round,
        ];
    }

    /// <summary>
    /// Root may do everything, the daemon may not. The package's user has the name of the group that administers; where
    /// there is none, whoever asks is taken for the one who starts the daemon.
    /// </summary>
    private static CheckRecord Rights(AdminConfig admin)
    {
        const string name = "daemon.rights";
        return Libc.EffectiveUser == 0 && Libc.UserId(admin.Group) is { } user && Libc.TryJudgeFor(user.User, user.Group)
            ? Check.Good(name, $"What may be read and written is judged for the user {admin.Group}.")
            : Check.Good(name, $"What may be read and written is judged for {Environment.UserName}; for another user: sudo -u USER fluxctl doctor");
    }

    private static IEnumerable<CheckRecord> Unreadable(FluxdConfig config, string? file) =>
        new[] { file, config.Tls.Cert, config.Tls.Key }.Concat(config.Sftp.UserCa)
            .Where(path => path is { Length: > 0 } && !Libc.CanRead(path))
            .Select(path => Check.Bad("files.readable", $"The daemon may not read {path}.", $"sudo chgrp fluxd {path} && sudo chmod g+r {path}; its folders must let it through, too"));

    private static async Task<CheckRecord> SocketAsync(AdminConfig admin, CancellationToken ct)
    {
        const string name = "admin.socket";
        try
        {
            await AdminFrontend.RequireRoomAsync(admin.Socket, ct);
            return Check.Good(name, $"{admin.Socket} can be made.");
        }
        catch (FluxException e)
        {
            return Check.Bad(name, e.Message, $"Look who is there: fluxctl --socket {admin.Socket} status; else set another [admin] socket");
        }
    }

    private static CheckRecord Store(FluxdConfig config)
    {
        const string name = "store.present";
        try
        {
            StoreOpening.Examine(config);
        }
        catch (FluxException e)
        {
            return Check.Bad(name, e.Message, "Mount its disk (findmnt, sudo mount -a); only for a new, empty store: sudo -u fluxd fluxctl store init --config FILE");
        }

        return PortHolder.OfFile(Path.Combine(config.Store.Path, FluxdStore.LockName)) is { } holder
            ? Check.Bad(name, $"The store at {config.Store.Path} is open in {holder}.", "Stop it, or ask it: fluxctl --socket ITS-SOCKET doctor")
            : Check.Good(name, $"The store at {config.Store.Path} is there, and nobody has it open.");
    }

    /// <summary>A self-made certificate is made by the start, if need be.</summary>
    private static async Task<IReadOnlyList<CheckRecord>> CertificateAsync(FluxdConfig config, CancellationToken ct)
    {
        const string name = "tls.certificate";
        if (config.Tls.Cert.Length == 0)
        {
            return [Check.Skipped(name, "No certificate is set: the daemon uses the one that it made itself.")];
        }

        try
        {
            await using var files = CertificateFiles.Open(config.Tls.Cert, config.Tls.Key, TimeProvider.System, NullLoggerFactory.Instance);
            return await DoctorRound.RunAsync([new TlsChecks(() => config, files, TimeProvider.System)], ct);
        }
        catch (FluxException e)
        {
            return [Check.Bad(name, e.Message, $"The key must belong to the first certificate: openssl x509 -in {config.Tls.Cert} -noout -pubkey; openssl pkey -in {config.Tls.Key} -pubout")];
        }
    }
}
