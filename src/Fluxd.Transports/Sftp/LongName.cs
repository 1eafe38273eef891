using System.Globalization;
using System.Text;
using Fluxd.Core.Files;

namespace Fluxd.Transports.Sftp;

/// <summary>The line of <c>ls -l</c> that goes with each name; clients show it as it is.</summary>
internal static class LongName
{
    private static readonly TimeSpan Recent = TimeSpan.FromDays(182);

    public static byte[] Of(NodeInfo node, TimeProvider clock)
    {
        var owner = node.OwnerName.Length > 0 ? node.OwnerName : node.OwnerId.ToString(CultureInfo.InvariantCulture);
        var head = string.Create(CultureInfo.InvariantCulture, $"{Mode(node)}    1 {owner,-8} {owner,-8} {node.Size,8} {Time(node.ModifiedAt, clock)} ");
        return [.. Encoding.UTF8.GetBytes(head), .. node.Name.Bytes];
    }

    private static string Mode(NodeInfo node)
    {
        Span<char> text = stackalloc char[10];
        text[0] = node.Kind switch { NodeKind.Folder => 'd', NodeKind.Symlink => 'l', _ => '-' };
        for (var bit = 0; bit < 9; bit++)
        {
            text[bit + 1] = (node.Mode & (0x100 >> bit)) != 0 ? "rwx"[bit % 3] : '-';
        }

        Special(text, 3, node.Mode & 0x800, 's', 'S');
        Special(text, 6, node.Mode & 0x400, 's', 'S');
        Special(text, 9, node.Mode & 0x200, 't', 'T');
        return new string(text);
    }

    private static void Special(Span<char> text, int at, int set, char with, char without)
    {
        if (set != 0)
        {
            text[at] = text[at] == 'x' ? with : without;
        }
    }

    private static string Time(FileTime time, TimeProvider clock)
    {
        var at = time.ToDateTimeOffset();
        var age = clock.GetUtcNow() - at;
        return at.ToString(age < Recent && age > -Recent ? "MMM dd HH:mm" : "MMM dd  yyyy", CultureInfo.InvariantCulture);
    }
}
