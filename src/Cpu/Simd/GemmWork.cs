namespace Stof.Reference.Cpu.Simd;

/// <summary>What a product is to compute, as far as its blocks hang on it.</summary>
/// <param name="Rows">Rows of C.</param>
/// <param name="Columns">Columns of C.</param>
/// <param name="Depth">Products per element.</param>
public readonly record struct GemmWork(int Rows, int Columns, int Depth)
{
    /// <summary>True if a column of C takes two columns of B (<see cref="Activation.SwiGlu"/>).</summary>
    public bool IsGated { get; init; }

    /// <summary>True if A's rows are normalised while they are packed.</summary>
    public bool NormalisesInput { get; init; }

    /// <summary>True if C's rows are normalised.</summary>
    public bool NormalisesOutput { get; init; }

    internal int Panels => Math.Max(1, GemmLayout.Panels(Columns));
}
