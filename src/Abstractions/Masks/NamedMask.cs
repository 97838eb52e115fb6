using System.Buffers.Text;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Stof.Reference.Masks;

/// <summary>One argument of a pattern's text or JSON form.</summary>
/// <param name="Name">The parameter's name in the catalogue.</param>
/// <param name="Value">
/// An <see cref="int"/>, a <see cref="double"/>, a <see cref="string"/> of letters, digits and <c>_ . + -</c>, a <see cref="MaskPattern"/> or a list
/// of patterns.
/// </param>
public readonly record struct MaskParameterValue(string Name, object Value)
{
    /// <summary>The value as the text form writes it; doubles take the shortest digits that parse back to the same bits.</summary>
    public string ValueText => Value is IEnumerable<MaskPattern> patterns
        ? $"[{string.Join(',', patterns)}]"
        : Convert.ToString(Value, CultureInfo.InvariantCulture)!;
}

/// <summary>
/// A pattern that <see cref="MaskCatalog"/> lists: a name and arguments, which text and JSON share. The canonical text gives
/// one argument without its name, several with theirs: <c>sliding(64)</c>, <c>longformer(band=32,global=32)</c>.
/// </summary>
public abstract record NamedMask : MaskPattern
{
    /// <summary>The name in the catalogue.</summary>
    public abstract string Name { get; }

    /// <summary>The arguments that recreate this pattern, in the catalogue's order; optional ones at their default are left out.</summary>
    public virtual IReadOnlyList<MaskParameterValue> Arguments => [];

    /// <inheritdoc/>
    protected sealed override string ToText()
    {
        var arguments = Arguments;
        return arguments.Count switch
        {
            0 => Name,
            1 when arguments[0].Name == MaskCatalog.Find(Name).Parameters[0].Name => $"{Name}({arguments[0].ValueText})",
            _ => $"{Name}({string.Join(',', arguments.Select(a => $"{a.Name}={a.ValueText}"))})",
        };
    }

    /// <summary>Whole numbers as <see cref="MaskArguments.Wholes"/> reads them.</summary>
    private protected static string Joined(IEnumerable<int> values) => string.Join('+', values);

    /// <summary>Whole numbers as <see cref="MaskArguments.PackedWholes"/> reads them.</summary>
    private protected static string Packed(ReadOnlySpan<int> values) => Base64Url.EncodeToString(MemoryMarshal.AsBytes(values));

    /// <summary>The argument <c>of</c>, then the whole numbers that are not at their default.</summary>
    private protected static List<MaskParameterValue> OfAnd(MaskPattern of, params ReadOnlySpan<(string Name, int Value, int Default)> numbers)
    {
        var arguments = new List<MaskParameterValue> { new("of", of) };
        foreach (var (name, value, usual) in numbers)
        {
            if (value != usual)
            {
                arguments.Add(new(name, value));
            }
        }

        return arguments;
    }

    /// <summary>Checks a whole-number parameter.</summary>
    /// <exception cref="InvalidInputException">The value is below the minimum.</exception>
    private protected int AtLeast(string parameter, int value, int minimum) =>
        value >= minimum ? value : throw new InvalidInputException($"{Name} {parameter}", $"{value}", $"{minimum} or more");
}
