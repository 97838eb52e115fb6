using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;

namespace Stof.Reference.OpenCL;

/// <summary>
/// Records' properties as definitions for the compiler: <c>HeadSize = 64</c> becomes <c>#define HEAD_SIZE 64</c>, true becomes 1, and an
/// enumeration its number with all members beside it, so that a kernel reads <c>#if TYPE == TYPE_F16</c>. Order is that of the names: equal
/// records give equal text.
/// </summary>
public static partial class ParameterHeader
{
    /// <summary>Writes the definitions.</summary>
    /// <param name="parameters">Records whose public properties are whole numbers, booleans, floats or enumerations.</param>
    /// <exception cref="ArgumentException">A property is of another type.</exception>
    public static string Of(params object[] parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        var text = new StringBuilder();
        foreach (var (property, owner) in parameters.SelectMany(PropertiesOf).OrderBy(pair => pair.Property.Name, StringComparer.Ordinal))
        {
            var name = NameOf(property.Name);
            switch (property.GetValue(owner))
            {
                case bool flag:
                    Define(text, name, flag ? "1" : "0");
                    break;
                case int number:
                    Define(text, name, number < 0 ? $"({number})" : $"{number}");
                    break;
                case float real:
                    Define(text, name, real.ToString("R", CultureInfo.InvariantCulture) is var digits && digits.AsSpan().ContainsAny('.', 'E') ? $"{digits}f" : $"{digits}.0f");
                    break;
                case Enum chosen:
                    foreach (var member in Enum.GetNames(chosen.GetType()))
                    {
                        Define(text, $"{name}_{NameOf(member)}", $"{(int)Enum.Parse(chosen.GetType(), member)}");
                    }

                    Define(text, name, $"{name}_{NameOf(chosen.ToString())}");
                    break;
                default:
                    throw new ArgumentException($"{property.Name} of {property.DeclaringType!.Name} is no number, boolean or enumeration", nameof(parameters));
            }
        }

        return text.ToString();
    }

    /// <summary>A record's parameters. A class, not a pair: for lists of it .NET has compiled code, which a start does without waiting.</summary>
    internal static IEnumerable<Parameter> PropertiesOf(object record) =>
        record.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance).Select(property => new Parameter(property, record));

    /// <summary>HeadSize to HEAD_SIZE; F16 stays F16.</summary>
    internal static string NameOf(string name) => WordBreak().Replace(name, "_").ToUpperInvariant();

    private static void Define(StringBuilder text, string name, string value) => text.Append("#define ").Append(name).Append(' ').Append(value).Append('\n');

    [GeneratedRegex("(?<=[a-z0-9])(?=[A-Z])")]
    private static partial Regex WordBreak();

    /// <summary>A property of a record.</summary>
    /// <param name="Property">The property.</param>
    /// <param name="Owner">The record.</param>
    internal sealed record Parameter(PropertyInfo Property, object Owner);
}
