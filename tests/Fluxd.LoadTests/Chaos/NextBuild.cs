using System.Diagnostics;
using System.Text;
using Fluxd.LoadTests.House;

namespace Fluxd.LoadTests.Chaos;

/// <summary>
/// What an upgrade in place starts: the same code in a folder of its own, and under the next version's number, which is
/// written over in its assembly (a second compile would take longer than the short run). So it is the change of folder,
/// process and version that is tried here, there and back; changes of the catalogue's schema have tests of their own.
/// </summary>
internal static class NextBuild
{
    public static async Task MakeAsync(string build, string to)
    {
        if (await Tool.RunAsync(TimeSpan.FromMinutes(5), null, null, "cp", "-r", build, to) is { Code: not 0 } failed)
        {
            throw new InvalidOperationException($"the next build can't be made: {failed.Output}");
        }

        var assembly = Path.Combine(to, "fluxd.dll");
        var version = FileVersionInfo.GetVersionInfo(assembly).ProductVersion!;
        var next = version[..^1] + (char)(version[^1] == '9' ? '8' : version[^1] + 1);
        var bytes = await File.ReadAllBytesAsync(assembly);
        var at = bytes.AsSpan().IndexOf(Attribute(version));
        if (at < 0 || bytes.AsSpan(at + 1).IndexOf(Attribute(version)) >= 0)
        {
            throw new InvalidOperationException($"{assembly} names its version {version} not at all, or more than once");
        }

        Attribute(next).CopyTo(bytes, at);
        await File.WriteAllBytesAsync(assembly, bytes);
    }

    /// <summary>An attribute's value with one string (ECMA-335, II.23.3): prolog, length, text, no named arguments.</summary>
    private static byte[] Attribute(string value) => [1, 0, (byte)value.Length, .. Encoding.UTF8.GetBytes(value), 0, 0];
}
