namespace Stof.Reference.Cuda.Ptx;

/// <summary>
/// a·b + c rounded to odd: of the two doubles around an inexact result the one whose last bit is set, so that a second rounding to a
/// shorter type gives what one rounding of the exact result does (S. Boldo and G. Melquiond, "Emulation of a FMA and correctly rounded
/// sums: proved algorithms using rounding to odd", 2008).
/// </summary>
internal static class OddRounding
{
    /// <summary>a·b + c for operands whose product is exact in double.</summary>
    public static double MultiplyAdd(float a, float b, float c)
    {
        var product = (double)a * b;
        var sum = product + c;
        if (!double.IsFinite(sum))
        {
            return sum;
        }

        // The error of the sum (Knuth).
        var part = sum - product;
        var error = (product - (sum - part)) + (c - part);
        if (error == 0 || (BitConverter.DoubleToInt64Bits(sum) & 1) != 0)
        {
            return sum;
        }

        return error > 0 == sum > 0 ? Away(sum) : TowardsZero(sum);
    }

    private static double Away(double value) => BitConverter.Int64BitsToDouble(BitConverter.DoubleToInt64Bits(value) + 1);

    private static double TowardsZero(double value) => BitConverter.Int64BitsToDouble(BitConverter.DoubleToInt64Bits(value) - 1);
}
