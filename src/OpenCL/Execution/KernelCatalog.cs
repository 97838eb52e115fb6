using System.Reflection;
using Stof.Reference.OpenCL.Execution.Attention;
using Stof.Reference.OpenCL.Execution.Models;

namespace Stof.Reference.OpenCL.Execution;

/// <summary>A kernel file with the records that specialise it.</summary>
/// <param name="Name">Name, that of the file with hyphens and without <c>.cl</c>.</param>
/// <param name="Defaults">The parameters with their defaults.</param>
public sealed record KernelTemplate(string Name, params IReadOnlyList<object> Defaults)
{
    /// <summary>The kernel file.</summary>
    public string File => $"{Name.Replace('-', '_')}.cl";

    /// <summary>Names and defaults, in the form in which <see cref="Specialise"/> takes them.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Parameters =>
        [
            .. Defaults.SelectMany(ParameterHeader.PropertiesOf).OrderBy(pair => pair.Property.Name, StringComparer.Ordinal)
                .Select(pair => KeyValuePair.Create(ArgumentName(pair.Property.Name), Text(pair.Property.GetValue(pair.Owner)!))),
        ];

    /// <summary>The source with other values for some parameters.</summary>
    /// <param name="values">Names such as <c>tile-q</c>, with numbers, true or false, or names of enumeration members.</param>
    /// <exception cref="InvalidInputException">No such parameter, or a value of another kind.</exception>
    public KernelSource Specialise(IReadOnlyDictionary<string, string> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        var unknown = values.Keys.FirstOrDefault(name => Parameters.All(parameter => parameter.Key != name));
        if (unknown is not null)
        {
            throw new InvalidInputException("parameter", $"'{unknown}'", $"one of {string.Join(", ", Parameters.Select(parameter => parameter.Key))}");
        }

        object[] records = [.. Defaults.Select(Copy)];
        foreach (var record in records)
        {
            foreach (var (property, _) in ParameterHeader.PropertiesOf(record))
            {
                if (values.TryGetValue(ArgumentName(property.Name), out var text))
                {
                    property.SetValue(record, Parse(property, text));
                }
            }
        }

        return ProgramSpec.Of(File, records).Source();
    }

    // A record's own clone: init-only properties may be set through reflection, and the defaults stay as they are.
    private static object Copy(object record) => record.GetType().GetMethod("<Clone>$")!.Invoke(record, null)!;

    private static string ArgumentName(string property) => ParameterHeader.NameOf(property).Replace('_', '-').ToLowerInvariant();

    private static string Text(object value) => value switch
    {
        bool flag => flag ? "true" : "false",
        Enum member => ArgumentName(member.ToString()),
        _ => $"{value}",
    };

    private static object Parse(PropertyInfo property, string text)
    {
        var type = property.PropertyType;
        if (type.IsEnum)
        {
            var names = Enum.GetNames(type);
            var member = Array.Find(names, name => string.Equals(ArgumentName(name), text, StringComparison.OrdinalIgnoreCase));
            return member is null
                ? throw new InvalidInputException(ArgumentName(property.Name), $"'{text}'", $"one of {string.Join(", ", names.Select(ArgumentName))}")
                : Enum.Parse(type, member);
        }

        if (type == typeof(bool))
        {
            return bool.TryParse(text, out var flag) ? flag : throw new InvalidInputException(ArgumentName(property.Name), $"'{text}'", "true or false");
        }

        return int.TryParse(text, out var number) ? number : throw new InvalidInputException(ArgumentName(property.Name), $"'{text}'", "a whole number");
    }
}

/// <summary>All kernel files that make a program.</summary>
public static class KernelCatalog
{
    /// <summary>The templates.</summary>
    public static IReadOnlyList<KernelTemplate> All { get; } =
    [
        new("attention-blockwise-lanes", Vectors, new AttentionParameters(), new BlockwiseLanesParameters()),
        new("attention-blockwise-groups", Items, new AttentionParameters(), new BlockwiseGroupsParameters()),
        new("attention-blockwise-matrix", Halves, new AttentionParameters(), new BlockwiseMatrixParameters()),
        new("attention-rowwise-lanes", Vectors, new AttentionParameters()),
        new("attention-rowwise-groups", Items, new AttentionParameters(), new RowwiseGroupsParameters()),
        new("attention-merge", Items, new AttentionParameters(), new MergeParameters()),
        new("attention-steps", Vectors, new AttentionParameters(), new RowParameters()),
        new("product-lanes", Vectors, new ProductLanesParameters()),
        new("product-matrix", Halves, new ProductMatrixParameters()),
        new("product-groups", Items, new ProductGroupsParameters()),
        new("rows", Vectors, new RowParameters()),
    ];

    private static NumberParameters Vectors => new();

    private static NumberParameters Items => new() { Lanes = 1 };

    private static NumberParameters Halves => new() { Lanes = 1, Type = Numerics.DType.F16 };

    /// <summary>The template with a name.</summary>
    /// <exception cref="InvalidInputException">No template has this name.</exception>
    public static KernelTemplate Named(string name) => All.FirstOrDefault(template => template.Name == name)
        ?? throw new InvalidInputException("template", $"'{name}'", $"one of {string.Join(", ", All.Select(template => template.Name))}");
}
