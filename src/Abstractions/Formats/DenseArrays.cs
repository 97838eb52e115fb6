using Stof.Reference.Masks;
using Stof.Reference.Tensors;

namespace Stof.Reference.Formats;

/// <summary>
/// A mask as one bool a pair with the rectangle it lives on: <c>mask</c> Bool [B or 1, H or 1, Sq, Skv], <c>extent</c> and <c>slices</c>.
/// Represents every mask; costs Sq·Skv bytes.
/// <para>Example: <c>causal</c> at S = 16: row r of <c>mask</c> begins with r + 1 times true.</para>
/// </summary>
public static class DenseArrays
{
    /// <summary>The array of bools.</summary>
    public const string Mask = "mask";

    /// <summary>The names of the arrays.</summary>
    internal static readonly string[] Names = [Mask, ArrayReader.Extent, ArrayReader.SliceCounts];

    /// <summary>Named arrays, ready for an npz.</summary>
    /// <exception cref="InvalidInputException">The tensor would exceed 2 GiB.</exception>
    public static Dictionary<string, HostTensor> ToArrays(BoundMask mask)
    {
        var arrays = ArrayWriter.Start(MaskSlices.Of(mask));
        arrays[Mask] = mask.ToDense();
        return arrays;
    }

    /// <summary>Reads named arrays back and checks them. A mask without an extent is <see cref="DenseMask.From(HostTensor)"/>'s business.</summary>
    /// <exception cref="InvalidInputException">An array is missing, unknown, or of another dtype or shape.</exception>
    public static BoundMask FromArrays(IReadOnlyDictionary<string, HostTensor> arrays)
    {
        var reader = new ArrayReader("dense mask", arrays, Names);
        var slices = reader.Slices();
        var extent = slices.Extent;
        return DenseMask.From(reader.Tensor<bool>(Mask, slices.Batch, slices.Heads, extent.QueryLength, extent.KeyLength)).Bind(extent);
    }
}
