namespace Stof.Reference.Numerics;

/// <summary>Distances counted in representable numbers.</summary>
public static class Ulp
{
    /// <summary>Number of buckets of a histogram: 0, 1, 2, 3–4, 5–8, …, and everything from 2¹⁴ + 1 up.</summary>
    public const int Buckets = 17;

    /// <summary>
    /// How many numbers of <paramref name="type"/> lie between two values, one of them included; both are first rounded to
    /// the type, to nearest-even. The two zeros are the same number. Infinity is the successor of the largest finite number.
    /// </summary>
    /// <param name="type">A floating-point dtype.</param>
    /// <param name="left">Not NaN.</param>
    /// <param name="right">Not NaN.</param>
    /// <exception cref="ArgumentOutOfRangeException">The type is not a floating-point type.</exception>
    public static UInt128 Distance(DType type, double left, double right)
    {
        var difference = Ordinal(type, left) - Ordinal(type, right);
        return (UInt128)Int128.Abs(difference);
    }

    /// <summary>The histogram bucket of a distance; see <see cref="Buckets"/>.</summary>
    public static int Bucket(UInt128 distance) =>
        distance <= 1 ? (int)distance : (int)Math.Min(Buckets - 1, 129 - (int)UInt128.LeadingZeroCount(distance - 1));

    /// <summary>The largest finite number of a type.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The type is not a floating-point type.</exception>
    public static double LargestFinite(DType type) => type switch
    {
        DType.F64 => double.MaxValue,
        DType.F32 => float.MaxValue,
        DType.F16 => (double)Half.MaxValue,
        DType.BF16 => (double)BFloat16.FromBits(0x7F7F),
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "not a floating-point dtype"),
    };

    // Encodings of one sign are consecutive integers; negative numbers count downwards from zero.
    private static Int128 Ordinal(DType type, double value)
    {
        var magnitude = Math.Abs(value);
        Int128 bits = type switch
        {
            DType.F64 => BitConverter.DoubleToUInt64Bits(magnitude),
            DType.F32 => BitConverter.SingleToUInt32Bits((float)magnitude),
            DType.F16 => BitConverter.HalfToUInt16Bits((Half)magnitude),
            DType.BF16 => ((BFloat16)magnitude).Bits,
            _ => throw new ArgumentOutOfRangeException(nameof(type), type, "not a floating-point dtype"),
        };
        return double.IsNegative(value) ? -bits : bits;
    }
}
