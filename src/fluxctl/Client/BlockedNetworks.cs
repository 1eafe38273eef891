using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Fluxctl.Client;

[JsonSourceGenerationOptions(WriteIndented = true)]
[JsonSerializable(typeof(Dictionary<string, DateTimeOffset>))]
internal sealed partial class BlockedNetworksJson : JsonSerializerContext;

/// <summary>
/// Where UDP got no answer, so that not each command waits for it again: one small file with a line for each network and
/// server, forgotten after a while. A network is known by its gateways, prefixes and search domain; the file has a hash
/// of them. A file that can't be read or written costs a few seconds of waiting and nothing else.
/// </summary>
internal sealed class BlockedNetworks(string folder, TimeProvider clock)
{
    /// <summary>Firewalls seldom change; what was an outage and no firewall shall not keep a user from QUIC for the day.</summary>
    private static readonly TimeSpan s_memory = TimeSpan.FromHours(1);

    private readonly string _file = Path.Combine(folder, "udp-blocked.json");

    /// <summary>Null when QUIC is to be tried.</summary>
    public DateTimeOffset? Until(string server) => Read().TryGetValue(Key(server), out var until) ? until : null;

    public void Remember(string server) => Change(all => all[Key(server)] = clock.GetUtcNow() + s_memory);

    public void Forget(string server)
    {
        if (Until(server) is not null)
        {
            Change(all => all.Remove(Key(server)));
        }
    }

    private static string Key(string server)
    {
        var description = new StringBuilder(server);
        foreach (var properties in NetworkInterface.GetAllNetworkInterfaces()
            .Where(card => card.OperationalStatus == OperationalStatus.Up && card.NetworkInterfaceType != NetworkInterfaceType.Loopback)
            .Select(card => card.GetIPProperties())
            .Where(properties => properties.GatewayAddresses.Count > 0))
        {
            var gateways = properties.GatewayAddresses.Select(gateway => gateway.Address.ToString());

            // IPv4 alone: the prefixes of IPv6 may be new each day.
            var addresses = properties.UnicastAddresses.Where(own => own.Address.AddressFamily == AddressFamily.InterNetwork).Select(own => $"{own.Address}/{own.PrefixLength}");
            description.Append('\n').AppendJoin(' ', gateways.Concat(addresses).Order(StringComparer.Ordinal)).Append(' ').Append(properties.DnsSuffix);
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(description.ToString())))[..32];
    }

    /// <summary>What is still in force.</summary>
    private Dictionary<string, DateTimeOffset> Read()
    {
        try
        {
            var now = clock.GetUtcNow();
            var all = JsonSerializer.Deserialize(File.ReadAllBytes(_file), BlockedNetworksJson.Default.DictionaryStringDateTimeOffset) ?? [];
            return all.Where(one => one.Value > now && one.Value <= now + s_memory).ToDictionary();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonException)
        {
            return [];
        }
    }

    private void Change(Action<Dictionary<string, DateTimeOffset>> change)
    {
        var all = Read();
        change(all);
        try
        {
            var temporary = $"{_file}.{Environment.ProcessId}";
            File.WriteAllBytes(temporary, JsonSerializer.SerializeToUtf8Bytes(all, BlockedNetworksJson.Default.DictionaryStringDateTimeOffset));
            File.Move(temporary, _file, overwrite: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
        }
    }
}
