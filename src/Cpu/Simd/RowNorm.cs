using Stof.Reference.Graphs;

namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// A normalisation over rows with its learned parameters. Sums run in sixty-four virtual lanes (lane i takes elements i,
/// i + 64, ...) joined by one fixed tree, so that the bits do not depend on the vector width.
/// </summary>
/// <param name="Kind">
/// LayerNorm: (x − mean) / √(var + eps) · gamma + beta with the biased variance (Ba et al. 2016, eq. 3-4). RMSNorm:
/// x / √(mean(x²) + eps) · gamma (+ beta) (Zhang and Sennrich 2019, eq. 4).
/// </param>
/// <param name="Gamma">Scale of every column; length = columns.</param>
/// <param name="Beta">Shift of every column, or null for none.</param>
/// <param name="Epsilon">Added inside the root.</param>
public sealed record RowNorm(NormKind Kind, float[] Gamma, float[]? Beta, float Epsilon)
{
    /// <summary>LayerNorm; eps defaults to 1e-5 (BERT: 1e-12).</summary>
    public static RowNorm Layer(float[] gamma, float[]? beta, float epsilon = 1e-5f) =>
        new(NormKind.Layer, gamma, beta, epsilon);

    /// <summary>RMSNorm; eps defaults to 1e-6.</summary>
    public static RowNorm Rms(float[] gamma, float epsilon = 1e-6f) => new(NormKind.RootMeanSquare, gamma, null, epsilon);

    internal void Require(string name, int columns)
    {
        if (Gamma.Length != columns)
        {
            throw new InvalidInputException($"{name}.{nameof(Gamma)}", $"{Gamma.Length} values", $"{columns}");
        }

        if (Beta is not null && Beta.Length != columns)
        {
            throw new InvalidInputException($"{name}.{nameof(Beta)}", $"{Beta.Length} values", $"{columns}");
        }
    }
}
