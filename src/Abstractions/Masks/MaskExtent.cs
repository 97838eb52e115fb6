namespace Stof.Reference.Masks;

/// <summary>Which ends of queries and keys line up when there are more of one than of the other.</summary>
public enum PositionAlignment
{
    /// <summary>The last query sits on the last key (FlashAttention ≥ 2.1, decoding with a cache). The default.</summary>
    BottomRight,

    /// <summary>The first query sits on the first key (PyTorch's <c>is_causal</c>, ONNX without a cache).</summary>
    TopLeft,
}

/// <summary>The rectangle a pattern is evaluated on.</summary>
/// <param name="QueryLength">Number of queries Sq.</param>
/// <param name="KeyLength">Number of keys Skv.</param>
/// <param name="Batch">Number of batch items.</param>
/// <param name="Heads">Number of query heads.</param>
/// <param name="Alignment">How positions line up where Sq ≠ Skv.</param>
public sealed record MaskExtent(
    int QueryLength,
    int KeyLength,
    int Batch = 1,
    int Heads = 1,
    PositionAlignment Alignment = PositionAlignment.BottomRight)
{
    /// <summary>
    /// Added to a query index it gives the query's position on the key axis: Skv − Sq bottom-right, 0 top-left.
    /// Patterns that compare positions compare <c>q + QueryOffset</c> with <c>k</c>.
    /// </summary>
    public int QueryOffset => Alignment == PositionAlignment.BottomRight ? KeyLength - QueryLength : 0;

    /// <summary>Checks the extents.</summary>
    /// <returns>This extent.</returns>
    /// <exception cref="InvalidInputException">A length or count is out of range.</exception>
    public MaskExtent Validated()
    {
        RequireAtLeast(nameof(QueryLength), QueryLength, 0);
        RequireAtLeast(nameof(KeyLength), KeyLength, 0);
        RequireAtLeast(nameof(Batch), Batch, 1);
        RequireAtLeast(nameof(Heads), Heads, 1);
        return this;
    }

    private static void RequireAtLeast(string name, int value, int minimum)
    {
        if (value < minimum)
        {
            throw new InvalidInputException(name, value.ToString(), $"{minimum} or more");
        }
    }
}
