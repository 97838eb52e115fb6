using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Bench.Sweeps;

/// <summary>
/// Unit-normal inputs that another language can draw too: SplitMix64 from a seed, two numbers a value, Box-Muller in double precision,
/// rounded to float. <c>bench/peers/attention_cpu.py</c> does the same.
/// </summary>
internal static class SharedInputs
{
    /// <summary>F32 values of N(0, 1).</summary>
    public static HostTensor Normal(ulong seed, params ReadOnlySpan<int> shape)
    {
        var stream = new SplitMix64(seed);
        double Uniform() => (stream.Next() >> 11) * (1.0 / (1L << 53));
        var tensor = HostTensor.Uninitialized(DType.F32, shape);
        foreach (ref var value in tensor.Span<float>())
        {
            var radius = Math.Sqrt(-2 * Math.Log(1 - Uniform()));
            value = (float)(radius * Math.Cos(2 * Math.PI * Uniform()));
        }

        return tensor;
    }
}
