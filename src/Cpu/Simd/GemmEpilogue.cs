namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// What happens to a row of a product before it is stored, in float and in this order: bias, activation, residual (given to
/// each run), norm.
/// </summary>
/// <param name="Bias">Added to every row; length N, both halves counted with SwiGLU; null for none.</param>
/// <param name="Activation">The element-wise function; SwiGLU needs a gated <see cref="PackedMatrix"/> and halves the columns.</param>
/// <param name="Norm">Normalisation of the complete row of outputs; a task then owns whole rows.</param>
public sealed record GemmEpilogue(float[]? Bias = null, Activation Activation = Activation.None, RowNorm? Norm = null)
{
    /// <summary>Nothing happens.</summary>
    public static GemmEpilogue Empty { get; } = new();

    /// <summary>Columns of the result for N columns of the product.</summary>
    internal int OutputColumns(int columns) => Activation == Activation.SwiGlu ? columns / 2 : columns;

    internal void Require(string name, PackedMatrix weights)
    {
        if (Bias is not null && Bias.Length != weights.Columns)
        {
            throw new InvalidInputException($"{name}.{nameof(Bias)}", $"{Bias.Length} values", $"{weights.Columns}");
        }

        if (Activation == Activation.SwiGlu != weights.IsGated)
        {
            throw new InvalidInputException(
                $"{name}.{nameof(Activation)}",
                $"{Activation} on {(weights.IsGated ? "gated" : "plain")} weights",
                "SwiGlu exactly on weights packed as gated");
        }

        Norm?.Require($"{name}.{nameof(Norm)}", OutputColumns(weights.Columns));
    }
}
