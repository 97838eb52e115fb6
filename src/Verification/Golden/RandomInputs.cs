using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Verification.Golden;

/// <summary>Reproducible random inputs, the same on every machine and .NET version.</summary>
public static class RandomInputs
{
    /// <summary>A tensor of samples, rounded once to its dtype.</summary>
    /// <param name="seed">Seed; every tensor takes another.</param>
    /// <param name="type">Dtype.</param>
    /// <param name="family">Any family but <see cref="InputFamily.Exact"/>.</param>
    /// <param name="shape">Extents.</param>
    public static HostTensor Tensor(ulong seed, DType type, InputFamily family, params ReadOnlySpan<int> shape)
    {
        var wide = HostTensor.Uninitialized(DType.F64, shape);
        var values = wide.Span<double>();
        var bits = new SplitMix64(seed);
        for (var i = 0; i < values.Length; i++)
        {
            var normal = Normal(bits);
            values[i] = family switch
            {
                InputFamily.Outliers => normal * (Uniform(bits) < 0.01 ? 20 : 1),
                InputFamily.Wide => normal * 3,
                _ => normal,
            };
        }

        return wide.To(type);
    }

    // The sum of twelve uniforms less six: exact additions in a fixed order, where a logarithm's last bit would depend on the library.
    private static double Normal(SplitMix64 bits)
    {
        var sum = -6.0;
        for (var i = 0; i < 12; i++)
        {
            sum += Uniform(bits);
        }

        return sum;
    }

    private static double Uniform(SplitMix64 bits) => (bits.Next() >> 11) * (1.0 / (1UL << 53));
}
