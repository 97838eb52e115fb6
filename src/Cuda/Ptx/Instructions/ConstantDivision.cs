using System.Numerics;

namespace Stof.Reference.Cuda.Ptx;

/// <content>
/// Division by constants. The driver's compiler divides by a constant as it does by a register, through a float reciprocal of some fifteen dependent
/// instructions; a shift, or a multiplication and a shift, does as well.
/// Source: Granlund and Montgomery, "Division by invariant integers using multiplication" (PLDI 1994), sections 4 and 6.
/// </content>
public sealed partial class KernelBuilder
{
    /// <summary>a ÷ a constant.</summary>
    /// <param name="a">Any 32 bits.</param>
    /// <param name="divisor">1 or more.</param>
    /// <exception cref="InvalidInputException">The divisor is below 1.</exception>
    public B32 DivU32(B32 a, int divisor)
    {
        var shift = BitOperations.Log2((uint)CheckedDivisor(divisor));
        if (BitOperations.IsPow2(divisor))
        {
            return shift == 0 ? a : ShrU32(a, shift);
        }

        // The quotient is (a·m)/2^(32 + s) for m = ⌈2^(32 + s)/d⌉, where m exceeds 2^(32 + s)/d by so little that no 32-bit number shows it.
        for (var s = 0; s <= shift; s++)
        {
            var power = 1UL << (32 + s);
            var factor = (power / (uint)divisor) + 1;
            if ((factor * (uint)divisor) - power <= 1UL << s)
            {
                var high = MulHiU32(a, B32.Constant((int)(uint)factor));
                return s == 0 ? high : ShrU32(high, s);
            }
        }

        // Else m takes 33 bits, of which the highest is added by hand.
        var rest = B32.Constant((int)(uint)(((1UL << 32) * ((1UL << (shift + 1)) - (uint)divisor) / (uint)divisor) + 1));
        var part = MulHiU32(a, rest);
        return ShrU32(Add(part, ShrU32(Sub(a, part), 1)), shift);
    }

    /// <summary>The rest of a ÷ a constant.</summary>
    /// <inheritdoc cref="DivU32(B32, int)"/>
    public B32 RemU32(B32 a, int divisor) => BitOperations.IsPow2(CheckedDivisor(divisor))
        ? And(a, divisor - 1)
        : Sub(a, MulLo(DivU32(a, divisor), divisor));

    private static int CheckedDivisor(int divisor) => divisor >= 1
        ? divisor
        : throw new InvalidInputException(nameof(divisor), $"{divisor}", "1 or more");
}
