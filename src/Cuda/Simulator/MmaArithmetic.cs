using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Simulator;

/// <summary>
/// The sums of matrix instructions, all in this place. The model: products are exact, a sum is taken in double precision and rounded to the accumulator's
/// type once, to nearest even. The hardware's way is not documented; measurements (Fasi et al., "Numerical behavior of NVIDIA tensor
/// cores", 2021) find exact products aligned to the largest term and cut off below a few bits under a float's last, some terms at a time. Hence <see cref="Bound"/>.
/// </summary>
internal static class MmaArithmetic
{
    private const int Rows = 16;
    private const int Columns = 8;

    private static readonly double[] Halves = [.. Enumerable.Range(0, 1 << 16).Select(bits => (double)BitConverter.UInt16BitsToHalf((ushort)bits))];

    /// <summary>
    /// How far a float result of a device may lie from the model, as a part of Σ|a·b| + |c| (not of the result): 16 terms, each cut off at less than
    /// 2^-24 of the largest, in two steps, and the roundings.
    /// </summary>
    public static AccuracyBound Bound { get; } = new(Math.ScaleB(1, -20), Math.ScaleB(1, -149));

    /// <summary>The same for half results, whose last rounding dominates.</summary>
    public static AccuracyBound HalfBound { get; } = new(Math.ScaleB(1, -10), Math.ScaleB(1, -24));

    /// <summary>The value of a half.</summary>
    public static double Half(ushort bits) => Halves[bits];

    /// <summary>The value of a bfloat16.</summary>
    public static double BFloat(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);

    /// <summary>The value of a register as TF32: the low 13 bits are not looked at.</summary>
    public static double Tf32(uint bits) => BitConverter.UInt32BitsToSingle(bits & 0xffffe000);

    /// <summary>c += a·b in double precision.</summary>
    /// <param name="a">16×k, row by row.</param>
    /// <param name="b">k×8, row by row.</param>
    /// <param name="c">16×8, row by row.</param>
    /// <param name="k">8 or 16.</param>
    public static void MultiplyAdd(ReadOnlySpan<double> a, ReadOnlySpan<double> b, Span<double> c, int k)
    {
        var right = MemoryMarshal.Cast<double, Vector256<double>>(b[..(k * Columns)]);
        var sums = MemoryMarshal.Cast<double, Vector256<double>>(c[..(Rows * Columns)]);
        for (var row = 0; row < Rows; row++)
        {
            var low = sums[2 * row];
            var high = sums[(2 * row) + 1];
            for (var i = 0; i < k; i++)
            {
                var factor = Vector256.Create(a[(row * k) + i]);
                low = Vector256.FusedMultiplyAdd(factor, right[2 * i], low);
                high = Vector256.FusedMultiplyAdd(factor, right[(2 * i) + 1], high);
            }

            sums[2 * row] = low;
            sums[(2 * row) + 1] = high;
        }
    }

    /// <summary>A float result.</summary>
    public static uint RoundToFloat(double value) => double.IsNaN(value) ? 0x7fffffffu : BitConverter.SingleToUInt32Bits((float)value);

    /// <summary>A half result.</summary>
    public static ushort RoundToHalf(double value) => double.IsNaN(value) ? (ushort)0x7fff : BitConverter.HalfToUInt16Bits((Half)value);
}
