using Stof.Reference.Cpu.Oracle;
using Stof.Reference.Cpu.Simd.Attention;
using Stof.Reference.Cpu.Simd.Attention.Detached;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.Unit.Tests.Cpu.Attention;

/// <summary>
/// Errors at lengths where one chain of additions over all keys would break the contract's 1e-6: few queries, all keys allowed,
/// unit-normal inputs. The bound is half of the contract's.
/// </summary>
public sealed class AttentionLengthTests
{
    private const int Queries = 48;
    private const double Bound = 5e-7;
    private const double BoundOfOneKey = 2e-6; // a score of 13 has an ULP of 1e-6, and sums of equal terms round alike

    [Theory]
    [InlineData(4096, AttentionAlgorithm.Blockwise, 64)]
    [InlineData(16384, AttentionAlgorithm.Blockwise, 16)]
    [InlineData(16384, AttentionAlgorithm.Blockwise, 64)]
    [InlineData(16384, AttentionAlgorithm.Blockwise, 128)]
    [InlineData(16384, AttentionAlgorithm.Blockwise, 8192)]
    [InlineData(65536, AttentionAlgorithm.Blockwise, 64)]
    [InlineData(4096, AttentionAlgorithm.Rowwise, 64)]
    [InlineData(16384, AttentionAlgorithm.Rowwise, 64)]
    public void The_error_does_not_grow_with_the_number_of_keys(int length, AttentionAlgorithm algorithm, int tileKeys)
    {
        var (problem, q, k, v) = Dense(length, seed: length);
        var choice = new AttentionChoice(algorithm, new TileShape(64, tileKeys));
        var (output, _) = CpuAttention.Run(problem, q, k, v, choice);
        Check(problem, q, k, v, output, choice.ToString());
    }

    /// <summary>
    /// Two late keys outgrow the reference after thousands of others have been settled under it: these are still
    /// seen beside them, so a settled sum that is not rescaled shows.
    /// </summary>
    [Theory]
    [InlineData(AttentionAlgorithm.Blockwise)]
    [InlineData(AttentionAlgorithm.Rowwise)]
    public void A_reference_that_moves_late_rescales_what_was_settled(AttentionAlgorithm algorithm)
    {
        var (problem, q, k, v) = Dense(4096, seed: 1);
        q.Span<float>().Fill(1f);
        foreach (ref var value in k.Span<float>())
        {
            value *= 0.1f;
        }

        // Scores are sums of 64 elements over 8.
        k.Span<float>().Slice(3000 * 64, 64).Fill(6.5f / 8);
        k.Span<float>().Slice(3500 * 64, 64).Fill(13f / 8);
        foreach (ref var value in v.Span<float>().Slice(3500 * 64, 64))
        {
            value *= 0.01f;
        }

        var choice = new AttentionChoice(algorithm, TileShape.Default);
        var (output, _) = CpuAttention.Run(problem, q, k, v, choice);
        Check(problem, q, k, v, output, choice.ToString(), BoundOfOneKey);
    }

    [Theory]
    [InlineData(4096)]
    [InlineData(16384)]
    public void The_detached_operators_keep_the_same_bound(int length)
    {
        var (problem, q, k, v) = Dense(length, seed: length + 1);
        using var pool = new WorkerPool(2);
        var output = HostTensor.Zeros(DType.F32, 1, 1, Queries, problem.ValueSize);
        var operands = AttentionOperands.Of(problem, q, k, v, output);
        var scores = HostTensor.Zeros(DType.F32, 1, 1, Queries, length);
        new ScoreProduct(problem).Run(operands.Query, operands.Key, scores, pool);
        new ScaleMask(problem).Run(scores, pool);
        new RowSoftmax(problem).Run(scores, pool);
        new WeightedSum(problem).Run(scores, operands.Value, operands.Output, pool);
        Check(problem, q, k, v, output, "detached");
    }

    private static (AttentionProblem Problem, HostTensor Q, HostTensor K, HostTensor V) Dense(int length, int seed)
    {
        var problem = new AttentionProblem
        {
            Batch = 1,
            QueryHeads = 1,
            KvHeads = 1,
            QueryLength = Queries,
            KvLength = length,
            HeadSize = 64,
            Mask = new FullMask(),
        };
        var random = new Random(seed);
        HostTensor Normal(int rows) => Seeded.Tensor(random, DType.F32, InputFamily.UnitNormal, 1, 1, rows, 64);
        return (problem, Normal(Queries), Normal(length), Normal(length));
    }

    private static void Check(AttentionProblem problem, HostTensor q, HostTensor k, HostTensor v, HostTensor output, string what, double bound = Bound)
    {
        var reference = NaiveAttention.Run(problem, q, k, v).Output;
        var found = output.ToDoubles();
        var (error, norm) = (0.0, 0.0);
        for (var i = 0; i < reference.Length; i++)
        {
            error += (found[i] - reference[i]) * (found[i] - reference[i]);
            norm += reference[i] * reference[i];
        }

        Assert.True(Math.Sqrt(error / norm) <= bound, $"{what}, {problem.KvLength} keys: {Math.Sqrt(error / norm):E2}, allowed {bound:E1}");
    }
}
