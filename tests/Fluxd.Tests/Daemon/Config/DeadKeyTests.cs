using System.Reflection;
using System.Reflection.Emit;
using Fluxd.Daemon.Config;
using Xunit;

namespace Fluxd.Tests.Daemon.Config;

/// <summary>A key that nobody reads is a lie to whoever sets it: each property's getter must be called from outside the configuration.</summary>
public sealed class DeadKeyTests
{
    private const BindingFlags Everything = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static readonly Dictionary<short, OpCode> s_opCodes = typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!).ToDictionary(code => code.Value);

    private static readonly HashSet<MethodBase> s_read = [.. typeof(FluxdConfig).Assembly.GetTypes()
        .Where(type => type.Namespace?.StartsWith("Fluxd.Daemon.Config", StringComparison.Ordinal) != true)
        .SelectMany(type => type.GetMethods(Everything).Cast<MethodBase>().Concat(type.GetConstructors(Everything)))
        .SelectMany(Calls)];

    public static TheoryData<string> Keys => [.. ConfigKey.All.Select(key => key.Full)];

    [Theory]
    [MemberData(nameof(Keys))]
    public void Every_key_is_read_outside_the_configuration(string key) =>
        Assert.True(s_read.Contains(Getter(key)), $"{key} can be set and nothing reads it: let it act, or take it out.");

    [Fact]
    public void The_scan_tells_a_read_property_from_one_that_nobody_reads()
    {
        Assert.Contains(typeof(StoreConfig).GetProperty(nameof(StoreConfig.Path))!.GetMethod!, s_read);
        Assert.DoesNotContain(typeof(ConfigKey).GetProperty(nameof(ConfigKey.Environment))!.GetMethod!, s_read);
    }

    private static MethodInfo Getter(string key) => typeof(FluxdConfig).GetProperties()
        .SelectMany(section => section.PropertyType.GetProperties().Select(property => (section, property)))
        .Single(pair => Snake(pair.section.Name) + "." + Snake(pair.property.Name) == key).property.GetMethod!;

    private static string Snake(string name) => System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(name);

    /// <summary>What a method calls, by its IL: lambdas and async bodies are methods of nested types and come by themselves.</summary>
    private static IEnumerable<MethodBase> Calls(MethodBase method)
    {
        var il = method.GetMethodBody()?.GetILAsByteArray() ?? [];
        for (var at = 0; at < il.Length;)
        {
            var code = il[at] == 0xFE ? s_opCodes[(short)((il[at] << 8) | il[at + 1])] : s_opCodes[il[at]];
            at += code.Size;
            if (code.OperandType == OperandType.InlineMethod && Resolve(method, BitConverter.ToInt32(il, at)) is { } called)
            {
                yield return called;
            }

            at += OperandBytes(code, il, at);
        }
    }

    private static MethodBase? Resolve(MethodBase method, int token)
    {
        try
        {
            return method.Module.ResolveMethod(
                token, method.DeclaringType is { IsGenericType: true } type ? type.GetGenericArguments() : null, method is MethodInfo { IsGenericMethod: true } info ? info.GetGenericArguments() : null);
        }
        catch (ArgumentException)
        {
            return null; // an instantiation that can't be named from here; none of the records is generic
        }
    }

    private static int OperandBytes(OpCode code, byte[] il, int at) => code.OperandType switch
    {
        OperandType.InlineNone => 0,
        OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
        OperandType.InlineVar => 2,
        OperandType.InlineI8 or OperandType.InlineR => 8,
        OperandType.InlineSwitch => 4 + (4 * BitConverter.ToInt32(il, at)),
        _ => 4,
    };
}
