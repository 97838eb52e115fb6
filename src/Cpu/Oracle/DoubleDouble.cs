using System.Runtime.CompilerServices;

namespace Stof.Reference.Cpu.Oracle;

/// <summary>
/// A number held as the unevaluated sum of two doubles, |Lo| ≤ ulp(Hi)/2: about 32 significant digits. Algorithms: Dekker 1971,
/// Knuth's two-sum, and Hida, Li, Bailey 2001 ("Algorithms for quad-double precision arithmetic"); products are exact by fused
/// multiply-add. Results that are not finite carry a Lo of 0. Errors of products below 2⁻¹⁰²² are not tracked.
/// </summary>
/// <param name="Hi">The value rounded to double.</param>
/// <param name="Lo">What is missing from it.</param>
public readonly record struct DoubleDouble(double Hi, double Lo)
{
    /// <summary>Widens exactly.</summary>
    public static implicit operator DoubleDouble(double value) => new(value, 0);

    /// <summary>Rounds to nearest.</summary>
    public static explicit operator double(DoubleDouble value) => value.Hi;

    /// <summary>a + b exactly, for any order of magnitudes (Knuth).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleDouble TwoSum(double a, double b)
    {
        var sum = a + b;
        var shadow = sum - a;
        return new(sum, (a - (sum - shadow)) + (b - shadow));
    }

    /// <summary>a·b exactly.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleDouble TwoProduct(double a, double b)
    {
        var product = a * b;
        return new(product, Math.FusedMultiplyAdd(a, b, -product));
    }

    /// <summary>Sum, relative error below 2⁻¹⁰⁴.</summary>
    public static DoubleDouble operator +(DoubleDouble left, DoubleDouble right)
    {
        var high = TwoSum(left.Hi, right.Hi);
        var low = TwoSum(left.Lo, right.Lo);
        var once = Normal(high.Hi, high.Lo + low.Hi);
        return Normal(once.Hi, once.Lo + low.Lo);
    }

    /// <summary>Difference.</summary>
    public static DoubleDouble operator -(DoubleDouble left, DoubleDouble right) => left + -right;

    /// <summary>Negation; exact.</summary>
    public static DoubleDouble operator -(DoubleDouble value) => new(-value.Hi, -value.Lo);

    /// <summary>Product.</summary>
    public static DoubleDouble operator *(DoubleDouble left, DoubleDouble right)
    {
        var product = TwoProduct(left.Hi, right.Hi);
        return Normal(product.Hi, product.Lo + ((left.Hi * right.Lo) + (left.Lo * right.Hi)));
    }

    /// <summary>Quotient, by two corrections of a double quotient.</summary>
    public static DoubleDouble operator /(DoubleDouble left, DoubleDouble right)
    {
        var first = left.Hi / right.Hi;
        if (!double.IsFinite(first) || !double.IsFinite(right.Hi))
        {
            return first;
        }

        var rest = left - (right * first);
        var second = rest.Hi / right.Hi;
        rest -= right * second;
        return Normal(first, second) + (rest.Hi / right.Hi);
    }

    /// <summary>Numeric order; false where either is NaN.</summary>
    public static bool operator <(DoubleDouble left, DoubleDouble right) =>
        left.Hi < right.Hi || (left.Hi == right.Hi && left.Lo < right.Lo);

    /// <inheritdoc cref="op_LessThan"/>
    public static bool operator >(DoubleDouble left, DoubleDouble right) => right < left;

    /// <summary>Square root: one Newton step on the double root (Karp).</summary>
    public static DoubleDouble Sqrt(DoubleDouble value)
    {
        var root = Math.Sqrt(value.Hi);
        if (root == 0 || !double.IsFinite(root))
        {
            return root;
        }

        var rest = value - TwoProduct(root, root);
        return Normal(root, rest.Hi / (2 * root));
    }

    /// <summary>Multiplies by 2ⁿ.</summary>
    public static DoubleDouble Scale(DoubleDouble value, int n) => new(Math.ScaleB(value.Hi, n), Math.ScaleB(value.Lo, n));

    /// <summary>Makes Hi the rounded sum, for |low| ≤ |high| (Dekker).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static DoubleDouble Normal(double high, double low)
    {
        var sum = high + low;
        return double.IsFinite(sum) ? new(sum, low - (sum - high)) : new(double.IsFinite(high) ? sum : high, 0);
    }
}
