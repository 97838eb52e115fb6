using System.Runtime.InteropServices;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cuda.Templates;

/// <summary>
/// How a product's weight lies on a device. A weight [width, depth] is stored row by row, which is what the columns of B need for the matrix unit's
/// loads; so packing only pads: rows to whole tiles and whole steps with zeros, so that no copy of them looks at an edge. A gated weight (SwiGLU)
/// has eight rows of gates, the eight rows of values that belong to them, and so on: a lane then holds both of a pair.
/// </summary>
public static class PackedWeight
{
    private const int RowMultiple = 256; // every tile's columns divide it
    private const int DepthMultipleBytes = 128; // every tile's step divides it

    /// <summary>Elements between rows.</summary>
    public static int Pitch(DType type, int depth)
    {
        var step = DepthMultipleBytes / type.Size();
        return (depth + step - 1) / step * step;
    }

    /// <summary>Rows, zeros included.</summary>
    public static int Rows(int width) => (width + RowMultiple - 1) / RowMultiple * RowMultiple;

    /// <summary>A weight [width, depth] as the device gets it.</summary>
    /// <param name="weight">[width, depth]; if gated, all gates before all values.</param>
    /// <param name="isGated">True for SwiGLU.</param>
    /// <exception cref="InvalidInputException">It is no matrix, or a gated one whose width no pair of eights divides.</exception>
    public static byte[] Pack(HostTensor weight, bool isGated)
    {
        ArgumentNullException.ThrowIfNull(weight);
        if (weight.Rank != 2)
        {
            throw new InvalidInputException(nameof(weight), weight.ToString(), "[width, depth]");
        }

        var (width, rowBytes) = (weight.Shape[0], weight.Shape[1] * weight.Type.Size());
        var pitch = Pitch(weight.Type, weight.Shape[1]) * weight.Type.Size();
        var packed = new byte[Rows(width) * pitch];
        var source = weight.Bytes;
        for (var row = 0; row < width; row++)
        {
            source.Slice(SourceRow(row, width, isGated) * rowBytes, rowBytes).CopyTo(packed.AsSpan(row * pitch));
        }

        return packed;
    }

    /// <summary>A bias [width] as floats in the order and length of the packed rows.</summary>
    /// <exception cref="InvalidInputException">A gated one whose width no pair of eights divides.</exception>
    public static byte[] PackBias(HostTensor bias, bool isGated)
    {
        ArgumentNullException.ThrowIfNull(bias);
        var values = bias.ToDoubles();
        var packed = new float[Rows(values.Length)];
        for (var row = 0; row < values.Length; row++)
        {
            packed[row] = (float)values[SourceRow(row, values.Length, isGated)];
        }

        return MemoryMarshal.AsBytes(packed.AsSpan()).ToArray();
    }

    private static int SourceRow(int row, int width, bool isGated)
    {
        if (!isGated)
        {
            return row;
        }

        const int Pair = 2 * GemmSpec.GatedWidth;
        if (width % Pair != 0)
        {
            throw new InvalidInputException("gated weight", $"{width} rows", $"a multiple of {Pair}");
        }

        var (pair, place) = Math.DivRem(row, Pair);
        var isValue = place >= GemmSpec.GatedWidth;
        return (isValue ? width / 2 : 0) + (pair * GemmSpec.GatedWidth) + (place % GemmSpec.GatedWidth);
    }
}
