using Stof.Reference.Masks;
using Stof.Reference.Numerics;

namespace Stof.Reference.Tensors;

/// <summary>
/// Unit-normal inputs that another language can draw too: SplitMix64 from a seed, two numbers a value, Box-Muller in double precision,
/// rounded to float. The scripts in <c>bench/peers</c> do the same.
/// </summary>
public static class NormalTensor
{
    private const ulong Step = 0x9E3779B97F4A7C15; // of SplitMix64's state a draw
    private const int Chunk = 1 << 14;

    /// <summary>F32 values of N(0, 1): value i takes draws 2i and 2i + 1 of the seed.</summary>
    /// <param name="seed">SplitMix64's state before the first draw.</param>
    /// <param name="shape">Shape of the tensor.</param>
    public static HostTensor Draw(ulong seed, params ReadOnlySpan<int> shape)
    {
        var tensor = HostTensor.Uninitialized(DType.F32, shape);
        Parallel.For(0, (tensor.Count + Chunk - 1) / Chunk, chunk =>
        {
            var first = chunk * Chunk;
            var stream = new SplitMix64(unchecked(seed + (2 * Step * (ulong)first)));
            double Uniform() => (stream.Next() >> 11) * (1.0 / (1L << 53));
            foreach (ref var value in tensor.Span<float>().Slice(first, Math.Min(Chunk, tensor.Count - first)))
            {
                var radius = Math.Sqrt(-2 * Math.Log(1 - Uniform()));
                value = (float)(radius * Math.Cos(2 * Math.PI * Uniform()));
            }
        });
        return tensor;
    }
}
