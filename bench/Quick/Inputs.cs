using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Bench.Quick;

/// <summary>What is measured: self-attention of one sequence, and seeded inputs: unit-normal, never zeros, which some processors multiply at less power.</summary>
internal static class Inputs
{
    /// <summary>Self-attention of one sequence.</summary>
    /// <param name="heads">Heads of queries, keys and values.</param>
    /// <param name="length">S.</param>
    /// <param name="size">Dqk = Dv.</param>
    /// <param name="mask">The mask.</param>
    /// <param name="type">Of all tensors.</param>
    public static AttentionProblem Problem(int heads, int length, int size, MaskPattern mask, DType type = DType.F32) => new()
    {
        Batch = 1,
        QueryHeads = heads,
        KvHeads = heads,
        QueryLength = length,
        KvLength = length,
        HeadSize = size,
        Type = type,
        Mask = mask,
    };

    /// <summary>A tensor of N(0, 1) values by the Box-Muller transform.</summary>
    public static HostTensor Normal(DType type, int seed, params ReadOnlySpan<int> shape)
    {
        var random = new Random(seed);
        var tensor = HostTensor.Uninitialized(DType.F32, shape);
        foreach (ref var value in tensor.Span<float>())
        {
            var radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
            value = (float)(radius * Math.Cos(2 * Math.PI * random.NextDouble()));
        }

        return tensor.To(type);
    }

    /// <summary>A row of N(0, 1) values.</summary>
    public static float[] Row(int seed, int length) => Normal(DType.F32, seed, length).Span<float>().ToArray();
}
