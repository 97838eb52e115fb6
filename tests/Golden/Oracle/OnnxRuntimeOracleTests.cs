using Stof.Reference.Cpu.Oracle;
using Stof.Reference.Cpu.Simd.Attention;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.Golden.Tests.Oracle;

/// <summary>Our oracle against ONNX Runtime, which shares neither code nor authors with it.</summary>
public class OnnxRuntimeOracleTests
{
    [Theory]
    [InlineData(DType.F32)]
    [InlineData(DType.F16)]
    public void Random_problems_agree_within_the_contract(DType type)
    {
        Assert.SkipUnless(OnnxRuntime.IsAvailable, OnnxRuntime.Missing);
        var seed = 801 + (int)type;
        var random = new Random(seed);
        for (var trial = 0; trial < 40; trial++)
        {
            var kvHeads = random.Next(1, 4);
            var maskSeed = random.Next();
            var density = random.NextDouble();
            var problem = new AttentionProblem
            {
                Batch = random.Next(1, 3),
                QueryHeads = kvHeads * random.Next(1, 4),
                KvHeads = kvHeads,
                QueryLength = Seeded.Length(random, 65),
                KvLength = Seeded.Length(random, 97),
                HeadSize = 8 * random.Next(1, 9),
                Type = type,
                Softcap = random.Next(3) == 0 ? 3 : null,
                Mask = new PredicateMask(
                    "random", (b, h, q, k) => new Random(HashCode(maskSeed, b, h, q, k)).NextDouble() < density),
            };
            var (q, k, v) = Inputs(random, problem);
            Compare(problem, q, k, v, isCausal: false, $"seed {seed}, trial {trial}");
        }
    }

    [Theory]
    [InlineData(DType.F32, 33, 33)]
    [InlineData(DType.F16, 33, 33)]
    [InlineData(DType.F32, 17, 40)]
    [InlineData(DType.F32, 40, 17)]
    public void Causal_masks_agree_aligned_top_left(DType type, int queries, int keys)
    {
        Assert.SkipUnless(OnnxRuntime.IsAvailable, OnnxRuntime.Missing);
        var problem = new AttentionProblem
        {
            Batch = 2,
            QueryHeads = 4,
            KvHeads = 2,
            QueryLength = queries,
            KvLength = keys,
            HeadSize = 16,
            Type = type,
            Mask = new CausalMask(),
            Alignment = PositionAlignment.TopLeft,
        };
        var (q, k, v) = Inputs(new Random(802), problem);
        Compare(problem, q, k, v, isCausal: true, "causal");
    }

    [Fact]
    public void Rows_without_keys_are_zero_on_both_sides()
    {
        Assert.SkipUnless(OnnxRuntime.IsAvailable, OnnxRuntime.Missing);
        var problem = new AttentionProblem
        {
            Batch = 1,
            QueryHeads = 2,
            KvHeads = 2,
            QueryLength = 12,
            KvLength = 12,
            HeadSize = 8,
            Mask = new PredicateMask("every third row is empty", (_, _, query, key) => query % 3 != 0 && key <= query),
        };
        var (q, k, v) = Inputs(new Random(803), problem);
        var output = OnnxAttention.Run(problem, q, k, v).Span<float>().ToArray();
        var reference = CompensatedAttention.Run(problem, q, k, v);
        for (var row = 0; row < 24; row++)
        {
            Assert.Equal(row % 12 % 3 == 0, output.AsSpan(row * 8, 8).IndexOfAnyExcept(0f) < 0);
            Assert.Equal(row % 12 % 3 == 0, reference.LogSumExp[row] == double.NegativeInfinity);
        }

        Compare(problem, q, k, v, isCausal: false, "empty rows");
    }

    [Fact]
    public void Every_kind_of_bias_agrees()
    {
        Assert.SkipUnless(OnnxRuntime.IsAvailable, OnnxRuntime.Missing);
        var random = new Random(806);
        ScoreBias[] biases =
        [
            new DenseBias(Seeded.Tensor(random, DType.F32, 2, 4, 19, 27)),
            new DenseBias(Seeded.Tensor(random, DType.F32, 1, 4, 19, 27)),
            new DenseBias(Seeded.Tensor(random, DType.F16, 2, 1, 19, 27)),
            AlibiBias.Standard(4),
            new RelativeBias(Seeded.Tensor(random, DType.F32, 8, 4), 16),
        ];
        foreach (var bias in biases)
        {
            var problem = new AttentionProblem
            {
                Batch = 2,
                QueryHeads = 4,
                KvHeads = 2,
                QueryLength = 19,
                KvLength = 27,
                HeadSize = 16,
                Bias = bias,
                Mask = new CausalMask(),
            };
            var (q, k, v) = Inputs(random, problem);
            Compare(problem, q, k, v, isCausal: false, bias.GetType().Name);
        }
    }

    [Fact]
    public void A_wrong_mask_bit_is_noticed()
    {
        Assert.SkipUnless(OnnxRuntime.IsAvailable, OnnxRuntime.Missing);
        var problem = new AttentionProblem
        {
            Batch = 1,
            QueryHeads = 1,
            KvHeads = 1,
            QueryLength = 40,
            KvLength = 40,
            HeadSize = 16,
            Mask = new CausalMask(),
        };
        var (q, k, v) = Inputs(new Random(804), problem);
        var oneBit = new PredicateMask("one bit", (_, _, query, key) => key <= query && (query, key) != (20, 3));
        var other = problem with { Mask = oneBit };
        var verdict = new AttentionTolerance().Judge(
            problem, CompensatedAttention.Run(problem, q, k, v), OnnxAttention.Run(other, q, k, v));
        Assert.Equal((Verdict.Fail, 20), (verdict.State, verdict.Worst!.Query));
    }

    [Fact]
    public void The_tuned_multi_head_kernel_agrees_too()
    {
        Assert.SkipUnless(OnnxRuntime.IsAvailable, OnnxRuntime.Missing);
        var problem = new AttentionProblem
        {
            Batch = 2,
            QueryHeads = 3,
            KvHeads = 3,
            QueryLength = 50,
            KvLength = 70,
            HeadSize = 32,
            Layout = AttentionLayout.BatchLengthHeads,
        };
        var random = new Random(805);
        var (q, k, v) = (
            Seeded.Tensor(random, DType.F32, 2, 50, 3, 32),
            Seeded.Tensor(random, DType.F32, 2, 70, 3, 32),
            Seeded.Tensor(random, DType.F32, 2, 70, 3, 32));
        using var session = OnnxAttention.MultiHead(2, 3, 50, 70, 32, threads: 1);
        var output = HostTensor.Zeros(DType.F32, 2, 50, 96);
        session.Run([q.Reshaped(2, 50, 96), k.Reshaped(2, 70, 96), v.Reshaped(2, 70, 96)], [output]);
        var verdict = new AttentionTolerance().Judge(
            problem, CompensatedAttention.Run(problem, q, k, v), output.Reshaped(2, 50, 3, 32));
        Assert.True(verdict.State is Verdict.Pass or Verdict.Marginal, string.Join("; ", verdict.Reasons));
    }

    private static void Compare(AttentionProblem problem, HostTensor q, HostTensor k, HostTensor v, bool isCausal, string label)
    {
        var reference = CompensatedAttention.Run(problem, q, k, v);
        var tolerance = new AttentionTolerance { LimitFrobenius = problem.Type == DType.F32 };
        var peer = OnnxAttention.Run(problem, q, k, v, isCausal);
        var verdict = tolerance.Judge(problem, reference, peer);
        var passes = verdict.State is Verdict.Pass or Verdict.Marginal or Verdict.Mistrusted;
        Assert.True(
            passes, $"{label}: {problem.Type} {problem.QueryLength}x{problem.KvLength}: {string.Join("; ", verdict.Reasons)}");

        // Its half-precision path rounds more often than our contract lets a kernel round (measured: up to 4.9e-4 here, every
        // element in budget).
        var limit = AttentionTolerance.FrobeniusLimit(problem.Type) * (problem.Type == DType.F16 ? 2 : 1);
        Assert.True(
            verdict.Metrics!.RelativeFrobenius <= limit,
            $"{label}: relative Frobenius error {verdict.Metrics.RelativeFrobenius:g3}");
        CompareKernels(problem, q, k, v, peer, 2 * limit, label);
    }

    // Two implementations that each keep a limit are at most both limits apart.
    private static void CompareKernels(
        AttentionProblem problem, HostTensor q, HostTensor k, HostTensor v, HostTensor peer, double limit, string label)
    {
        using var pool = new WorkerPool(1);
        foreach (var algorithm in Enum.GetValues<AttentionAlgorithm>())
        {
            var (output, _) = CpuAttention.Run(problem, q, k, v, new AttentionChoice(algorithm, new TileShape(32, 16)), pool);
            var error = ErrorMetrics.Compare(peer.ToDoubles(), output).RelativeFrobenius;
            Assert.True(error <= limit, $"{label}: {algorithm} and the peer are {error:g3} apart");
        }
    }

    private static (HostTensor Q, HostTensor K, HostTensor V) Inputs(Random random, AttentionProblem p) =>
    (
        Seeded.Tensor(random, p.Type, p.Batch, p.QueryHeads, p.QueryLength, p.HeadSize),
        Seeded.Tensor(random, p.Type, p.Batch, p.KvHeads, p.KvLength, p.HeadSize),
        Seeded.Tensor(random, p.Type, p.Batch, p.KvHeads, p.KvLength, p.ValueSize));

    // System.HashCode changes from run to run; a test must not.
    private static int HashCode(int seed, int b, int h, int q, int k)
    {
        var hash = (uint)seed;
        foreach (var part in (ReadOnlySpan<int>)[b, h, q, k])
        {
            hash = (hash ^ (uint)part) * 16777619;
            hash ^= hash >> 13;
        }

        return (int)(hash >> 1);
    }
}
