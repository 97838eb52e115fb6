using Stof.Reference.Masks;

namespace Stof.Reference.Formats;

/// <summary>
/// Which (batch item, head) pairs of a rectangle a format stores. Where all batch items or all heads share one mask it is stored once:
/// the slice of item b and head h is <c>(Batch == 1 ? 0 : b)·Heads + (Heads == 1 ? 0 : h)</c>.
/// </summary>
/// <param name="Extent">The rectangle the mask covers, with batch and heads.</param>
/// <param name="Batch">1 where all batch items share one mask, else the batch size.</param>
/// <param name="Heads">1 where all heads share one mask, else the number of query heads.</param>
public readonly record struct MaskSlices(MaskExtent Extent, int Batch, int Heads)
{
    /// <summary>Number of stored slices.</summary>
    public int Count => Batch * Heads;

    /// <summary>Query rows of all slices: Count·Sq.</summary>
    public long QueryRows => (long)Count * Extent.QueryLength;

    /// <summary>The slices that a mask needs.</summary>
    /// <exception cref="InvalidInputException">There are more of them than 32 bits count.</exception>
    public static MaskSlices Of(BoundMask mask)
    {
        ArgumentNullException.ThrowIfNull(mask);
        return new MaskSlices(
            mask.Extent, mask.VariesByBatch ? mask.Extent.Batch : 1, mask.VariesByHead ? mask.Extent.Heads : 1).Validated();
    }

    /// <summary>Index of the slice that holds a batch item's and head's mask.</summary>
    public int Index(int batch, int head) => ((Batch == 1 ? 0 : batch) * Heads) + (Heads == 1 ? 0 : head);

    /// <summary>A batch item and a head that a slice stands for.</summary>
    public (int Batch, int Head) Pair(int slice) => (slice / Heads, slice % Heads);

    /// <summary>Checks the counts against the rectangle.</summary>
    /// <returns>These slices.</returns>
    /// <exception cref="InvalidInputException">A count is neither 1 nor that of the rectangle, or the product exceeds 32 bits.</exception>
    public MaskSlices Validated()
    {
        Extent.Validated();
        FormatRules.Require(Batch == 1 || Batch == Extent.Batch, "slices[0]", Batch, $"1 or the batch of {Extent.Batch}");
        FormatRules.Require(Heads == 1 || Heads == Extent.Heads, "slices[1]", Heads, $"1 or the {Extent.Heads} heads");
        FormatRules.Require((long)Batch * Heads <= Array.MaxLength, "slices", $"{(long)Batch * Heads} slices", $"at most {Array.MaxLength}");
        return this;
    }
}
