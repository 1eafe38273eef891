using System.Reflection;
using System.Text.Json;

namespace Fluxd.Daemon.Config;

/// <summary>One key as the reader, the example and the reload see it: made once from the records.</summary>
internal sealed class ConfigKey
{
    private readonly PropertyInfo _section;
    private readonly PropertyInfo _property;

    private ConfigKey(PropertyInfo section, PropertyInfo property)
    {
        _section = section;
        _property = property;
        Section = Snake(section.Name);
        Name = Snake(property.Name);
        Rule = property.GetCustomAttribute<KeyAttribute>()
            ?? throw new InvalidOperationException($"{property.DeclaringType!.Name}.{property.Name} has no [Key]");
    }

    public static IReadOnlyList<ConfigKey> All { get; } =
        [.. typeof(FluxdConfig).GetProperties().Where(section => section.Name != "EqualityContract")
            .SelectMany(section => section.PropertyType.GetProperties().Select(property => new ConfigKey(section, property)))];

    public string Section { get; }

    public string Name { get; }

    public string Full => $"{Section}.{Name}";

    public string Environment => $"FLUXD_{Section}_{Name}".ToUpperInvariant();

    public KeyAttribute Rule { get; }

    public Type Type => _property.PropertyType;

    public object Get(FluxdConfig config) => _property.GetValue(_section.GetValue(config))!;

    /// <summary>Only while a snapshot is being made, before anybody else has seen it.</summary>
    public void Set(FluxdConfig config, object value) => _property.SetValue(_section.GetValue(config), value);

    public static string Show(object value) => value switch
    {
        bool flag => flag ? "true" : "false",
        string text => JsonSerializer.Serialize(text, ConfigJson.Default.String),
        string[] list => $"[{string.Join(", ", list.Select(Show))}]",
        ByteSize or Duration => $"\"{value}\"",
        _ => value.ToString()!,
    };

    private static string Snake(string name) => JsonNamingPolicy.SnakeCaseLower.ConvertName(name);
}

[System.Text.Json.Serialization.JsonSerializable(typeof(string))]
internal sealed partial class ConfigJson : System.Text.Json.Serialization.JsonSerializerContext;
