namespace Stof.Reference.Cuda.Ptx;

/// <summary>How two values are compared.</summary>
public enum Comparison
{
    /// <summary>a = b.</summary>
    Equal,

    /// <summary>a ≠ b.</summary>
    NotEqual,

    /// <summary>a &lt; b.</summary>
    Less,

    /// <summary>a ≤ b.</summary>
    LessOrEqual,

    /// <summary>a &gt; b.</summary>
    Greater,

    /// <summary>a ≥ b.</summary>
    GreaterOrEqual,
}

/// <summary>Comparisons in PTX and in C#.</summary>
internal static class Comparisons
{
    /// <summary>All of them, in the order of their numbers.</summary>
    public static Comparison[] All { get; } = Enum.GetValues<Comparison>();

    /// <summary>The modifier.</summary>
    public static string Name(this Comparison comparison) => comparison switch
    {
        Comparison.Equal => "eq",
        Comparison.NotEqual => "ne",
        Comparison.Less => "lt",
        Comparison.LessOrEqual => "le",
        Comparison.Greater => "gt",
        _ => "ge",
    };

    /// <summary>Whether it holds between values whose order is known.</summary>
    /// <param name="comparison">Which.</param>
    /// <param name="order">Negative for a &lt; b, 0 for a = b, positive for a &gt; b.</param>
    public static bool Holds(this Comparison comparison, int order) => comparison switch
    {
        Comparison.Equal => order == 0,
        Comparison.NotEqual => order != 0,
        Comparison.Less => order < 0,
        Comparison.LessOrEqual => order <= 0,
        Comparison.Greater => order > 0,
        _ => order >= 0,
    };
}
