using System.Numerics.Tensors;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// A power of two that makes all subnormal halves of a matrix normal. Widening moves a half's bits to their places in a float
/// and multiplies by 2¹¹², the difference of the exponent biases; the product would take a hundred cycles where the half is
/// subnormal, and small weights often are. So the panels hold the halves times 2¹⁰, which is exact, and kernels multiply by
/// 2¹⁰² instead.
/// </summary>
/// <param name="IsPossible">
/// False if a value is not finite, or if both a subnormal and a value of 64 or more, which 2¹⁰ would overflow, occur.
/// </param>
/// <param name="Scale">2¹⁰, or 1 if no value is subnormal.</param>
internal readonly record struct HalfScaling(bool IsPossible, float Scale)
{
    private const float Rebias = 5.192296858534828e33f; // 2^112
    private const float Lift = 1024; // from the smallest subnormal, 2^-24, to the smallest normal, 2^-14
    private const float SmallestNormal = 6.103515625e-5f;
    private const float Limit = 64; // 2^16, one binade above the largest half, over the lift

    /// <summary>What kernels multiply by.</summary>
    public float Factor => IsPossible ? Rebias / Scale : 0;

    /// <summary>Chooses for matrices that are packed together.</summary>
    public static HalfScaling For(ReadOnlySpan<HostTensor> parts)
    {
        var (subnormal, largest) = (false, 0f);
        foreach (var part in parts)
        {
            foreach (var half in part.Span<Half>())
            {
                var magnitude = Math.Abs((float)half);
                subnormal |= magnitude is > 0 and < SmallestNormal;
                largest = Math.Max(largest, magnitude); // keeps a NaN
            }
        }

        return new HalfScaling(float.IsFinite(largest) && !(subnormal && largest >= Limit), subnormal ? Lift : 1);
    }

    /// <summary>The matrix times the scale, exactly; the matrix itself where that is 1.</summary>
    public HostTensor Apply(HostTensor part)
    {
        if (Scale == 1)
        {
            return part;
        }

        var wide = part.To(DType.F32);
        TensorPrimitives.Multiply(wide.Span<float>(), Scale, wide.Span<float>());
        return wide.To(DType.F16);
    }
}
