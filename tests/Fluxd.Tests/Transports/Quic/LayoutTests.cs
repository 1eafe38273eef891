using System.Reflection;
using System.Runtime.InteropServices;
using Fluxd.Transports.Quic.Native;
using Xunit;

namespace Fluxd.Tests.Transports.Quic;

public sealed class LayoutTests
{
    // Written by a C compiler from ngtcp2.h 1.11 on x86-64; every 64-bit system with the LP64 model has the same.
    private static readonly string Table = Path.Combine(AppContext.BaseDirectory, "Transports", "Quic", "layout-x64.txt");

    [Fact]
    public void Every_mirrored_struct_has_the_size_and_offsets_that_C_gives_it()
    {
        var wrong = new List<string>();
        var count = 0;
        foreach (var line in File.ReadLines(Table))
        {
            var parts = line.Split(' ');
            var actual = Actual(parts[0]);
            count++;
            if (actual != long.Parse(parts[1]))
            {
                wrong.Add($"{parts[0]}: C {parts[1]}, here {actual}");
            }
        }

        Assert.Empty(wrong);
        Assert.True(count > 150, $"the table holds only {count} lines");
    }

    [Fact]
    public void The_table_covers_every_struct_that_crosses_the_border()
    {
        var covered = File.ReadLines(Table).Select(line => line.Split(' ')[0].Split('.')[0]).ToHashSet();
        var mirrored = typeof(ngtcp2_cid).Assembly.GetTypes().Where(type => type.IsValueType && type.Name.StartsWith("ngtcp2_", StringComparison.Ordinal));
        Assert.Subset(covered, mirrored.Select(type => type.Name).ToHashSet());
    }

    private static long Actual(string name)
    {
        var parts = name.Split('.');
        var type = typeof(ngtcp2_cid).Assembly.GetType($"Fluxd.Transports.Quic.Native.{parts[0]}") ?? throw new InvalidOperationException($"{parts[0]} is not mirrored");
        return parts.Length == 1
            ? Marshal.SizeOf(type)
            : Marshal.OffsetOf(type, type.GetField(parts[1], BindingFlags.Public | BindingFlags.Instance)!.Name);
    }
}
