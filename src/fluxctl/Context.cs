using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Fluxd.Core.Admin;

namespace Fluxctl;

/// <summary>What one run of a command has at hand: its arguments, the daemon, and the two ways to answer.</summary>
internal sealed class Context(ParseResult parsed) : IDisposable
{
    public const string SystemSocket = "/run/fluxd/fluxd.sock";

    public static readonly Option<string?> SocketOption = new("--socket")
    {
        Description = "The daemon's admin socket; else $FLUXCTL_SOCKET, else " + SystemSocket,
        HelpName = "PATH",
        Recursive = true,
    };

    public static readonly Option<bool> JsonOption = new("--json") { Description = "Answer in JSON, for scripts", Recursive = true };

    private AdminClient? _client;

    public bool Json => parsed.GetValue(JsonOption);

    public string Socket =>
        parsed.GetValue(SocketOption) is { Length: > 0 } given ? given
        : Environment.GetEnvironmentVariable("FLUXCTL_SOCKET") is { Length: > 0 } set ? set
        : SystemSocket;

    public AdminClient Daemon => _client ??= new AdminClient(Socket);

    public T? Get<T>(Option<T> option) => parsed.GetValue(option);

    public bool Has(Option option) => parsed.GetResult(option) is { Implicit: false };

    public T Get<T>(Argument<T> argument) => parsed.GetRequiredValue(argument);

    public T? GetOptional<T>(Argument<T?> argument) => parsed.GetValue(argument);

    /// <summary>JSON where it was asked for, else what people read.</summary>
    public int Answer<T>(T record, JsonTypeInfo<T> type, Action<T> show)
    {
        if (Json)
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(record, (JsonTypeInfo<T>)AdminJson.Indented.GetTypeInfo(type.Type)!));
        }
        else
        {
            show(record);
        }

        return ExitCodes.Good;
    }

    public void Dispose() => _client?.Dispose();
}
