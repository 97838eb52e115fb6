using System.Numerics;

namespace Stof.Reference.Cuda.Tests.Ptx;

/// <summary>A binary format: how many digits it stores behind the point, and its exponent bits.</summary>
internal sealed record FloatFormat(int Digits, int ExponentBits)
{
    public static readonly FloatFormat F16 = new(10, 5);
    public static readonly FloatFormat BF16 = new(7, 8);
    public static readonly FloatFormat F32 = new(23, 8);
    public static readonly FloatFormat F64 = new(52, 11);

    public int Bias => (1 << (ExponentBits - 1)) - 1;

    public ulong SignBit => 1UL << (Digits + ExponentBits);

    public ulong Infinity => ((1UL << ExponentBits) - 1) << Digits;

    /// <summary>The one NaN of the device: all bits set but the sign.</summary>
    public ulong NaN => SignBit - 1;

    public ExactFloat Decode(ulong bits)
    {
        var isNegative = (bits & SignBit) != 0;
        bits &= SignBit - 1;
        if (bits >= Infinity)
        {
            return new ExactFloat(isNegative, bits > Infinity, bits == Infinity, 0, 0);
        }

        var exponent = (int)(bits >> Digits);
        var digits = bits & ((1UL << Digits) - 1);
        return new ExactFloat(
            isNegative, false, false, exponent == 0 ? digits : digits | (1UL << Digits), Math.Max(exponent, 1) - Bias - Digits);
    }

    /// <summary>The nearest number, ties to even.</summary>
    public ulong Encode(ExactFloat value)
    {
        if (value.IsNaN)
        {
            return NaN;
        }

        var sign = value.IsNegative ? SignBit : 0;
        if (value.IsInfinite)
        {
            return sign | Infinity;
        }

        if (value.Digits.IsZero)
        {
            return sign;
        }

        var top = (int)value.Digits.GetBitLength() - 1 + value.Exponent;
        var unit = Math.Max(top, 1 - Bias) - Digits;
        var (rounded, _) = value.RoundTo(unit);
        return sign | Math.Min((ulong)(((BigInteger)(unit + Digits + Bias - 1) << Digits) + rounded), Infinity);
    }
}

/// <summary>A number without rounding: ±Digits·2^Exponent.</summary>
internal sealed record ExactFloat(bool IsNegative, bool IsNaN, bool IsInfinite, BigInteger Digits, int Exponent)
{
    private static readonly ExactFloat NotANumber = new(false, true, false, 0, 0);

    public bool IsZero => !IsNaN && !IsInfinite && Digits.IsZero;

    public BigInteger Signed => IsNegative ? -Digits : Digits;

    public static ExactFloat Of(BigInteger value) => new(value.Sign < 0, false, false, BigInteger.Abs(value), 0);

    public static ExactFloat operator -(ExactFloat a) => a with { IsNegative = !a.IsNegative };

    public static ExactFloat operator *(ExactFloat a, ExactFloat b) =>
        a.IsNaN || b.IsNaN || (a.IsInfinite && b.IsZero) || (a.IsZero && b.IsInfinite)
            ? NotANumber
            : new ExactFloat(a.IsNegative != b.IsNegative, false, a.IsInfinite || b.IsInfinite, a.Digits * b.Digits, a.Exponent + b.Exponent);

    public static ExactFloat operator +(ExactFloat a, ExactFloat b)
    {
        if (a.IsNaN || b.IsNaN || (a.IsInfinite && b.IsInfinite && a.IsNegative != b.IsNegative))
        {
            return NotANumber;
        }

        if (a.IsInfinite || b.IsInfinite)
        {
            return a.IsInfinite ? a : b;
        }

        var exponent = Math.Min(a.Exponent, b.Exponent);
        var sum = (a.Signed << (a.Exponent - exponent)) + (b.Signed << (b.Exponent - exponent));
        return sum.IsZero
            ? new ExactFloat(a.IsZero && b.IsZero && a.IsNegative && b.IsNegative, false, false, 0, 0)
            : new ExactFloat(sum.Sign < 0, false, false, BigInteger.Abs(sum), exponent);
    }

    /// <summary>Enough digits of the quotient that the rest only decides between below and above a tie.</summary>
    public static ExactFloat operator /(ExactFloat a, ExactFloat b)
    {
        var isNegative = a.IsNegative != b.IsNegative;
        if (a.IsNaN || b.IsNaN || (a.IsInfinite && b.IsInfinite) || (a.IsZero && b.IsZero))
        {
            return NotANumber;
        }

        if (a.IsInfinite || b.IsZero)
        {
            return new ExactFloat(isNegative, false, true, 0, 0);
        }

        if (b.IsInfinite)
        {
            return new ExactFloat(isNegative, false, false, 0, 0);
        }

        var quotient = BigInteger.DivRem(a.Digits << 300, b.Digits, out var rest);
        return new ExactFloat(isNegative, false, false, (quotient << 1) | (rest.IsZero ? 0 : 1), a.Exponent - b.Exponent - 301);
    }

    public ExactFloat SquareRoot()
    {
        if (IsNaN || IsZero || (IsInfinite && !IsNegative))
        {
            return this;
        }

        if (IsNegative)
        {
            return NotANumber;
        }

        var shift = 200 + (Exponent & 1);
        var square = Digits << shift;
        var (low, high) = (BigInteger.Zero, BigInteger.One << (((int)square.GetBitLength() / 2) + 1));
        while (high - low > 1)
        {
            var middle = (low + high) >> 1;
            (low, high) = middle * middle <= square ? (middle, high) : (low, middle);
        }

        return new ExactFloat(false, false, false, (low << 1) | (low * low == square ? 0 : 1), ((Exponent - shift) / 2) - 1);
    }

    /// <summary>Below 0, 0 or above 0; 2 if either is NaN.</summary>
    public int Order(ExactFloat other)
    {
        if (IsNaN || other.IsNaN)
        {
            return 2;
        }

        if (IsInfinite || other.IsInfinite)
        {
            return Rank().CompareTo(other.Rank());
        }

        var exponent = Math.Min(Exponent, other.Exponent);
        return (Signed << (Exponent - exponent)).CompareTo(other.Signed << (other.Exponent - exponent));
    }

    /// <summary>In units of 2^unit: the nearest (ties to even) and the one towards zero.</summary>
    public (BigInteger Nearest, BigInteger TowardsZero) RoundTo(int unit)
    {
        if (Exponent >= unit)
        {
            return (Digits << (Exponent - unit), Digits << (Exponent - unit));
        }

        var shift = unit - Exponent;
        var floor = Digits >> shift;
        var twiceRest = (Digits - (floor << shift)) << 1;
        var order = twiceRest.CompareTo(BigInteger.One << shift);
        return (order > 0 || (order == 0 && !floor.IsEven) ? floor + 1 : floor, floor);
    }

    private int Rank() => !IsInfinite ? 0 : IsNegative ? -1 : 1;
}
