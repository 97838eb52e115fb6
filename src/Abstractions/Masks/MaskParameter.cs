namespace Stof.Reference.Masks;

/// <summary>What kind of value a parameter takes.</summary>
public enum MaskParameterKind
{
    /// <summary>A whole number of 32 bits.</summary>
    Whole,

    /// <summary>A finite number.</summary>
    Number,

    /// <summary>A word of letters, digits and <c>_ . + -</c>.</summary>
    Word,

    /// <summary>A pattern.</summary>
    Pattern,

    /// <summary>One or more patterns: <c>[a,b]</c> in text, an array in JSON.</summary>
    Patterns,
}

/// <summary>One parameter of a pattern.</summary>
/// <param name="Name">Its name in text and JSON.</param>
/// <param name="Kind">What kind of value it takes.</param>
/// <param name="Meaning">One line for help texts, with the unit, and the default where it may be left out.</param>
/// <param name="Optional">True if it may be left out.</param>
public sealed record MaskParameter(string Name, MaskParameterKind Kind, string Meaning, bool Optional = false)
{
    /// <summary>A whole number.</summary>
    public static MaskParameter Whole(string name, string meaning, bool optional = false) => new(name, MaskParameterKind.Whole, meaning, optional);

    /// <summary>A finite number.</summary>
    public static MaskParameter Number(string name, string meaning, bool optional = false) => new(name, MaskParameterKind.Number, meaning, optional);

    /// <summary>A word; lists of whole numbers are words too, joined by +.</summary>
    public static MaskParameter Word(string name, string meaning, bool optional = false) => new(name, MaskParameterKind.Word, meaning, optional);

    /// <summary>A pattern.</summary>
    public static MaskParameter Pattern(string name, string meaning) => new(name, MaskParameterKind.Pattern, meaning);

    /// <summary>One or more patterns.</summary>
    public static MaskParameter Patterns(string name, string meaning) => new(name, MaskParameterKind.Patterns, meaning);
}
