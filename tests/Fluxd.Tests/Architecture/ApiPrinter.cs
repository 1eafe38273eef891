using System.Reflection;

namespace Fluxd.Tests.Architecture;

/// <summary>One line for each public type and member, sorted, so that two branches that add to Core merge without a fight.</summary>
internal static class ApiPrinter
{
    private const BindingFlags Declared =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    public static string[] Print(Assembly assembly) =>
        [.. assembly.GetExportedTypes().SelectMany(Lines).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];

    private static IEnumerable<string> Lines(Type type)
    {
        var name = NameOf(type);
        yield return $"{name} : {Kind(type)}";
        if (type.IsEnum)
        {
            foreach (var value in type.GetFields(BindingFlags.Public | BindingFlags.Static))
            {
                yield return $"{name}.{value.Name} = {Convert.ToInt64(value.GetRawConstantValue(), System.Globalization.CultureInfo.InvariantCulture)}";
            }

            yield break;
        }

        foreach (var line in type.GetMembers(Declared).Select(member => Line(member)).OfType<string>())
        {
            yield return $"{name}.{line}";
        }
    }

    private static string Kind(Type type) =>
        type.IsEnum ? "enum"
        : type.IsInterface ? "interface"
        : type.IsValueType ? "struct"
        : type is { IsAbstract: true, IsSealed: true } ? "static class"
        : type.IsSealed ? "sealed class"
        : "class";

    private static string? Line(MemberInfo member) => member switch
    {
        // What the compiler writes for records (equality, printing, copying) says nothing that "record" does not.
        _ when member.IsDefined(typeof(System.Runtime.CompilerServices.CompilerGeneratedAttribute)) && member is not PropertyInfo => null,
        FieldInfo { IsPublic: true } field => $"{field.Name} : {NameOf(field.FieldType)}",
        PropertyInfo property when IsVisible(property.GetMethod) && property.Name != "EqualityContract" => $"{property.Name} : {NameOf(property.PropertyType)}{(IsVisible(property.SetMethod) ? " set" : "")}",
        EventInfo happening => $"{happening.Name} : event {NameOf(happening.EventHandlerType!)}",
        ConstructorInfo constructor when IsVisible(constructor) => $"new({Parameters(constructor)})",
        MethodInfo method when IsVisible(method) && (!method.IsSpecialName || method.Name.StartsWith("op_", StringComparison.Ordinal)) =>
            $"{method.Name}({Parameters(method)}) : {NameOf(method.ReturnType)}",
        _ => null,
    };

    private static bool IsVisible(MethodBase? method) => method is not null && (method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly);

    private static string Parameters(MethodBase method) =>
        string.Join(", ", method.GetParameters().Select(parameter => $"{NameOf(parameter.ParameterType)} {parameter.Name}"));

    private static string NameOf(Type type)
    {
        if (type.IsByRef)
        {
            return "ref " + NameOf(type.GetElementType()!);
        }

        if (type.IsArray)
        {
            return NameOf(type.GetElementType()!) + "[]";
        }

        if (!type.IsGenericType)
        {
            return Short(type);
        }

        var arguments = string.Join(", ", type.GetGenericArguments().Select(NameOf));
        return $"{Short(type).Split('`')[0]}<{arguments}>";
    }

    /// <summary>System types by their last name, ours with their namespace: enough to tell, short enough to read.</summary>
    private static string Short(Type type) =>
        type.IsGenericParameter || type.Namespace?.StartsWith("Fluxd", StringComparison.Ordinal) != true
            ? type.Name
            : (type.FullName ?? type.Name).Replace("Fluxd.Core.", "", StringComparison.Ordinal).Replace('+', '.');
}
