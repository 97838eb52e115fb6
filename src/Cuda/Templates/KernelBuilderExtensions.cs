using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cuda.Templates;

/// <summary>Small compositions that several kernels use.</summary>
internal static class KernelBuilderExtensions
{
    private const float TwoLogE = 2.8853900817779268f; // 2·log2(e)
    private const float SeriesEnd = 0.25f;

    /// <summary>Address of an element: base + index·size, the index without a sign.</summary>
    public static GlobalPointer Element(this KernelBuilder b, B64 address, B32 index, int size) => new(b.MadWideU32(index, size, address));

    /// <summary>Two floats as one register of F16 or BF16, the first in the low bits.</summary>
    public static B32 PackPair(this KernelBuilder b, DType type, F32 low, F32 high) =>
        type == DType.F16 ? b.Bits(b.PackF16x2(low, high)) : b.Bits(b.PackBF16x2(low, high));

    /// <summary>The two floats of a register of F16 or BF16, that of the low bits first.</summary>
    public static (F32 Low, F32 High) UnpackPair(this KernelBuilder b, DType type, B32 pair) =>
        type == DType.F16 ? b.Widen(b.HalvesOf(pair)) : b.Widen(b.BFloatsOf(pair));

    /// <summary>
    /// tanh to a few units in the last place; the hardware's own has 11 bits. Below 1/4 its Taylor series to x⁹ (the next term is below
    /// 1e-8), above (1 − t)/(1 + t) with t = e^(−2|x|).
    /// </summary>
    public static F32 AccurateTanh(this KernelBuilder b, F32 x)
    {
        var size = b.Abs(x);
        var square = b.Mul(x, x);
        var series = b.Fma(square, 62f / 2835f, -17f / 315f);
        series = b.Fma(series, square, 2f / 15f);
        series = b.Fma(series, square, -1f / 3f);
        series = b.Fma(b.Mul(series, square), x, x);
        var t = b.Ex2(b.Mul(size, -TwoLogE));
        var far = b.Mul(b.Sub(1f, t), b.Rcp(b.Add(1f, t)));
        var signed = b.Select(b.Compare(Comparison.Less, x, 0f), b.Neg(far), far);
        return b.Select(b.Compare(Comparison.Less, size, SeriesEnd), series, signed);
    }
}
