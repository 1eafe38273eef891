using Fluxd.Core.Accounts;
using Fluxd.Core.Frontends;
using Fluxd.Daemon.AdminSocket;
using Fluxd.Daemon.Config;

namespace Fluxd.Daemon;

/// <summary>What somebody who tries fluxd out needs to paste next.</summary>
/// <param name="Made">Null when there were users already.</param>
internal sealed record Welcome(FirstUser? Made, IReadOnlyList<string> Users)
{
    private const string FirstName = "admin";

    /// <summary>As it is started where this fluxd was: a program, or a library for dotnet; else the one on the path.</summary>
    private static readonly string Fluxctl = BesideUs("fluxctl");

    public static async Task<Welcome> FirstUserAsync(IAccounts accounts)
    {
        var made = await FirstUser.EnsureAsync(accounts, FirstName, CancellationToken.None);
        return new Welcome(made, [.. accounts.Users.Select(user => user.Name)]);
    }

    public void Print(IReadOnlyList<IFrontend> frontends, FluxdConfig config, TextWriter output)
    {
        var user = Made?.Name ?? Users[0];
        output.WriteLine();
        output.WriteLine(Made is null
            ? $"fluxd is running, with the users that were here before: {string.Join(", ", Users)}"
            : $"fluxd is running. First user: {Made.Name}   one-time password: {Made.Password}   (shown only now; change it within a week)");
        output.WriteLine();
        foreach (var line in frontends.Select(frontend => Line(frontend, user)).OfType<string>())
        {
            output.WriteLine("  " + line);
        }

        output.WriteLine($"  status    {Fluxctl} --socket {config.Admin.Socket} status");
        output.WriteLine($"  password  {Fluxctl} --socket {config.Admin.Socket} users passwd {user}");
        output.WriteLine();
    }

    private static string? Line(IFrontend frontend, string user)
    {
        var first = frontend.Endpoints.Count > 0 ? frontend.Endpoints[0] : null;
        return (frontend.Name, first) switch
        {
            (_, null) => null,
            ("http", _) => $"HTTP      curl -u {user} {first}/v1/whoami",
            ("sftp", _) => $"SFTP      sftp -P {Port(first)} {user}@localhost",
            ("quic", _) => $"QUIC      {Fluxctl} login quic://localhost:{Port(first)} --user {user} --accept-new",
            _ => null,
        };
    }

    private static string BesideUs(string name)
    {
        var byDotnet = Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet";
        var program = Path.Combine(AppContext.BaseDirectory, byDotnet ? name + ".dll" : name);
        var path = Path.GetRelativePath(Environment.CurrentDirectory, program);
        return !File.Exists(program) ? name : $"{(byDotnet ? "dotnet " : "")}{(path.StartsWith("..", StringComparison.Ordinal) ? program : path)}";
    }

    private static string Port(string endpoint) => endpoint[(endpoint.LastIndexOf(':') + 1)..];
}
