using System.Runtime.Intrinsics;
using Stof.Reference.Cpu.Oracle;

namespace Stof.Reference.Unit.Tests.Cpu.Functions;

/// <summary>
/// Errors of a float function over many arguments, in units of the last place (ULP) of a float of the exact result's size. Results
/// in the subnormal range count apart: they are rounded twice, to 24 bits and then to the bits that are left.
/// </summary>
internal sealed class FloatErrors
{
    private const int BlockBits = 16;

    // A reference this near (relatively) to the middle between two floats does not decide how the exact value rounds.
    private const double TieBand = 1.0 / (1L << 48);
    private const double SmallestNormal = 1.17549435e-38f; // 2^-126
    private const long SignificandStep = 23L << 52;

    /// <summary>Arguments visited.</summary>
    public long Arguments { get; private set; }

    /// <summary>Results that are not the float nearest to the exact one.</summary>
    public long Misrounded { get; private set; }

    /// <summary>Arguments at which double-double had to say which float is nearest.</summary>
    public long Ties { get; private set; }

    /// <summary>Largest error of a normal result, and its argument. Infinite for a wrong NaN or infinity.</summary>
    public (double Ulp, float Argument) Normal { get; private set; }

    /// <summary>Largest error of a subnormal result, and its argument.</summary>
    public (double Ulp, float Argument) Subnormal { get; private set; }

    /// <summary>Visits all 2³² floats that the function takes, on all processors.</summary>
    public static FloatErrors OfEveryFloat<TFunction>()
        where TFunction : struct, IFloatFunction
    {
        var total = new FloatErrors();
        Parallel.For(
            0,
            1 << (32 - BlockBits),
            () => (Errors: new FloatErrors(), Block: new float[1 << BlockBits]),
            (task, _, local) =>
            {
                for (var i = 0; i < local.Block.Length; i++)
                {
                    local.Block[i] = BitConverter.UInt32BitsToSingle(((uint)task << BlockBits) + (uint)i);
                }

                local.Errors.Visit<TFunction>(local.Block);
                return local;
            },
            local =>
            {
                lock (total)
                {
                    total.Add(local.Errors);
                }
            });
        return total;
    }

    /// <summary>Visits arguments, a multiple of sixteen of them.</summary>
    public void Visit<TFunction>(ReadOnlySpan<float> arguments)
        where TFunction : struct, IFloatFunction
    {
        for (; !arguments.IsEmpty; arguments = arguments[16..])
        {
            var x = Vector512.Create(arguments);
            var y = TFunction.Apply(x);
            for (var i = 0; i < 16; i++)
            {
                if (TFunction.Takes(arguments[i]))
                {
                    Visit<TFunction>(arguments[i], y[i]);
                }
            }
        }
    }

    private void Visit<TFunction>(float x, float found)
        where TFunction : struct, IFloatFunction
    {
        Arguments++;
        var reference = TFunction.Reference(x);
        if (double.IsNaN(reference) || float.IsNaN(found))
        {
            if (double.IsNaN(reference) != float.IsNaN(found))
            {
                Normal = (double.PositiveInfinity, x);
            }

            return;
        }

        var nearest = (float)(reference * (1 - TieBand));
        if (nearest != (float)(reference * (1 + TieBand)))
        {
            Ties++;
            nearest = Round(TFunction.Exact(x));
        }

        if (found != nearest)
        {
            Misrounded++;
        }

        // Beyond half a step above the largest float the rounded result is infinite.
        if (float.IsInfinity(nearest) || float.IsInfinity(found))
        {
            if (found != nearest)
            {
                Normal = (double.PositiveInfinity, x);
            }

            return;
        }

        var size = Math.Max(Math.Abs(reference), SmallestNormal);
        var step = BitConverter.Int64BitsToDouble((BitConverter.DoubleToInt64Bits(size) & (0x7FFL << 52)) - SignificandStep);
        var error = Math.Abs(found - reference) / step;
        if (Math.Abs(reference) >= SmallestNormal)
        {
            Normal = error > Normal.Ulp ? (error, x) : Normal;
        }
        else
        {
            Subnormal = error > Subnormal.Ulp ? (error, x) : Subnormal;
        }
    }

    private void Add(FloatErrors other)
    {
        Arguments += other.Arguments;
        Misrounded += other.Misrounded;
        Ties += other.Ties;
        Normal = Larger(Normal, other.Normal);
        Subnormal = Larger(Subnormal, other.Subnormal);
    }

    // The smaller argument of two equal errors: the threads' order must not show.
    private static (double Ulp, float Argument) Larger((double Ulp, float Argument) a, (double Ulp, float Argument) b) =>
        b.Ulp > a.Ulp || (b.Ulp == a.Ulp && b.Argument < a.Argument) ? b : a;

    /// <summary>The nearest float: through a double rounded to odd, which no second rounding can mistake for a tie.</summary>
    private static float Round(DoubleDouble value)
    {
        if (value.Lo == 0 || !double.IsFinite(value.Hi))
        {
            return (float)value.Hi;
        }

        var isTowardsZero = value.Lo < 0 == value.Hi > 0;
        var bits = BitConverter.DoubleToInt64Bits(value.Hi) - (isTowardsZero ? 1 : 0);
        return (float)BitConverter.Int64BitsToDouble(bits | 1);
    }
}
