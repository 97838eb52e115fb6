using Stof.Reference.Cpu.Oracle;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.Golden.Tests.Attention;

/// <summary>
/// The comparison itself under test: an attention with a known bug must be judged Fail on at least one family of inputs, and
/// the same computation without the bug on none. A bug is made by asking the oracle another question, or by an online softmax
/// that forgets something.
/// </summary>
public sealed class BrokenKernelTests
{
    private const int Seed = 77;
    private const int Length = 96;

    /// <summary>Name and the problem that a kernel with this bug solves instead.</summary>
    private static readonly (string Name, Func<AttentionProblem, AttentionProblem> Break)[] Bugs =
    [
        ("one wrong bit", p => p with { Mask = Like(p, (b, h, q, k, right) => right != ((b, h, q, k) == (1, 2, 50, 40))) }),
        ("one key too many in the last row", p => p with { Mask = Like(p, (b, h, q, k, right) => right || (q == Length - 1 && k == 1)) }),
        ("mask of item 0 for all", p => p with { Mask = Like(p, (_, h, q, k, _) => p.BindMask().Allows(0, h, q, k)) }),
        ("mask of head 0 for all", p => p with { Mask = Like(p, (b, _, q, k, _) => p.BindMask().Allows(b, 0, q, k)) }),
        ("window off by one", p => p with { Mask = Masks(20) }),
        ("other alignment", p => p with { Alignment = PositionAlignment.TopLeft }),
        ("skipped tile", p => p with { Mask = Like(p, (_, _, q, k, right) => right && (q / 16, k / 16) != (3, 3)) }),
        ("part tile taken for full", p => p with { Mask = Like(p, (_, _, q, k, right) => right || (q / 16, k / 16) == (5, 3)) }),
        ("queries and keys swapped", p => p with { Mask = Like(p, (b, h, q, k, _) => p.BindMask().Allows(b, h, k, q)) }),
        ("KV heads interleaved", p => p with { KvHeads = 4 }),
        ("wrong scale", p => p with { Scale = 1.0 / p.HeadSize }),
        ("no cap", p => p with { Softcap = null }),
        ("no bias", p => p with { Bias = null }),
        ("bias of another offset", p => p with { Bias = new AlibiBias([.. AlibiBias.Standard(4).Slopes.Reverse()]) }),
        ("no sink", p => p with { Sinks = null }),
        ("sinks of other heads", p => p with { Sinks = [.. p.Sinks!.Reverse()] }),
    ];

    /// <summary>Bugs by place; xunit shows the name. In every dtype.</summary>
    public static TheoryData<int, string, DType> Cases
    {
        get
        {
            var data = new TheoryData<int, string, DType>();
            foreach (var type in new[] { DType.F32, DType.F16, DType.BF16 })
            {
                for (var i = 0; i < Bugs.Length; i++)
                {
                    data.Add(i, Bugs[i].Name, type);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_kernel_that_solves_another_problem_fails(int bug, string name, DType type)
    {
        var failures = 0;
        foreach (var family in Seeded.Families)
        {
            var item = AttentionTrial.Of(Problem(type, name), family, new Random(Seed));
            var right = Rounded(item.Reference, item.Problem);
            Assert.True(
                item.Judge(right.Output, right.LogSumExp).State == Verdict.Pass, $"seed {Seed}, {name}, {family}: the right answer does not pass");

            var broken = Bugs[bug].Break(item.Problem);
            var (k, v) = broken.KvHeads == item.Problem.KvHeads ? (item.K, item.V) : (Interleaved(item.K), Interleaved(item.V));
            var wrong = Rounded(NaiveAttention.Run(broken, item.Q, k, v), item.Problem);

            // The output alone has to give it away: a kernel need not return LSE.
            failures += item.Judge(wrong.Output, null).State == Verdict.Fail ? 1 : 0;
        }

        Assert.True(failures > 0, $"seed {Seed}: {name} in {type} passes on every family");
    }

    [Theory]
    [InlineData(DType.F32)]
    [InlineData(DType.F16)]
    [InlineData(DType.BF16)]
    public void An_online_softmax_that_forgets_a_step_fails(DType type)
    {
        foreach (var slip in Enum.GetValues<Slip>())
        {
            var failures = 0;
            foreach (var family in Seeded.Families)
            {
                var problem = Problem(type, slip.ToString()) with { Bias = null, Softcap = null, Sinks = null };
                var item = AttentionTrial.Of(problem, family, new Random(Seed));
                var (output, logSumExp) = Online(item, slip);
                failures += item.Judge(output, logSumExp).State == Verdict.Fail ? 1 : 0;
            }

            Assert.True(slip == Slip.None ? failures == 0 : failures > 0, $"seed {Seed}: {slip} in {type}: {failures} families fail");
        }
    }

    /// <summary>What <see cref="Online"/> does wrong.</summary>
    private enum Slip
    {
        None,
        AccumulatorNotRescaled,
        SumNotRescaled,
        LastTileSkipped,
        BinaryLogarithm,
        MaximumForgottenInLse,
        NotNormalized,
    }

    private static AttentionProblem Problem(DType type, string name) => new()
    {
        Batch = 2,
        QueryHeads = 4,
        KvHeads = 2,
        QueryLength = Length,

        // Only alignment needs more keys than queries; a swap of the two needs as many.
        KvLength = name == "other alignment" ? Length + 32 : Length,
        HeadSize = 32,
        Type = type,
        Mask = Masks(19),
        Bias = AlibiBias.Standard(4),
        Softcap = 5,
        Sinks = [0, 1, 2, 3],
    };

    /// <summary>A window and other random keys in every batch item and head, all in the past.</summary>
    private static MaskPattern Masks(int width)
    {
        bool Drawn(int b, int h, int q, int k) => ((((b * 5) + h + 1) * ((q * 31) + (k * 17) + 7)) % 41) < 3;
        return new CausalMask() & (new SlidingMask(width) | new PredicateMask("drawn", Drawn));
    }

    private static PredicateMask Like(AttentionProblem p, Func<int, int, int, int, bool, bool> change)
    {
        var right = p.BindMask();
        return new PredicateMask("changed", (b, h, q, k) => change(b, h, q, k, right.Allows(b, h, q, k)));
    }

    /// <summary>KV head h mod 2 for query head h, in place of h / 2.</summary>
    private static HostTensor Interleaved(HostTensor source)
    {
        var (b, h, s, d) = (source.Shape[0], source.Shape[1], source.Shape[2], source.Shape[3]);
        var result = HostTensor.Zeros(source.Type, b, 2 * h, s, d);
        var plane = source.Bytes.Length / (b * h);
        for (var i = 0; i < b * 2 * h; i++)
        {
            source.Bytes.Slice(((i / (2 * h) * h) + (i % h)) * plane, plane).CopyTo(result.Bytes[(i * plane)..]);
        }

        return result;
    }

    private static (HostTensor Output, HostTensor LogSumExp) Rounded(AttentionReference answer, AttentionProblem p) => (
        HostTensor.From(answer.Output, p.Batch, p.QueryHeads, p.QueryLength, p.ValueSize).To(p.Type),
        HostTensor.From(answer.LogSumExp, p.Batch, p.QueryHeads, p.QueryLength).To(DType.F32));

    /// <summary>Row by row over tiles of 16 keys, in float, with a running maximum.</summary>
    private static (HostTensor Output, HostTensor LogSumExp) Online(AttentionTrial item, Slip slip)
    {
        var p = item.Problem;
        var (q, k, v) = (item.Q.ToDoubles(), item.K.ToDoubles(), item.V.ToDoubles());
        var mask = p.BindMask();
        var output = HostTensor.Zeros(DType.F32, p.Batch, p.QueryHeads, p.QueryLength, p.ValueSize);
        var logSumExp = HostTensor.Zeros(DType.F32, p.Batch, p.QueryHeads, p.QueryLength);
        for (var row = 0; row < logSumExp.Count; row++)
        {
            var (b, h, i) = (row / p.QueryLength / p.QueryHeads, row / p.QueryLength % p.QueryHeads, row % p.QueryLength);
            var o = output.Span<float>().Slice(row * p.ValueSize, p.ValueSize);
            var (maximum, sum) = (float.NegativeInfinity, 0f);
            var end = slip == Slip.LastTileSkipped ? i / 16 * 16 : p.KvLength;
            for (var start = 0; start < end; start += 16)
            {
                var keys = Enumerable.Range(start, 16).Where(j => j < end && mask.Allows(b, h, i, j)).ToArray();
                var scores = keys.Select(j => Score(p, q, k, b, h, i, j)).ToArray();
                var next = scores.Append(maximum).Max();
                var factor = maximum == next ? 1 : MathF.Exp(maximum - next);
                maximum = next;
                sum *= slip == Slip.SumNotRescaled ? 1 : factor;
                for (var d = 0; d < o.Length; d++)
                {
                    o[d] *= slip == Slip.AccumulatorNotRescaled ? 1 : factor;
                }

                for (var t = 0; t < keys.Length; t++)
                {
                    var weight = MathF.Exp(scores[t] - maximum);
                    sum += weight;
                    var value = v.AsSpan(p.Layout.RowOffset(p.KvHeads, p.KvLength, p.ValueSize, b, p.KvHeadOf(h), keys[t]), p.ValueSize);
                    for (var d = 0; d < o.Length; d++)
                    {
                        o[d] += weight * (float)value[d];
                    }
                }
            }

            var log = slip == Slip.BinaryLogarithm ? MathF.Log2(sum) : MathF.Log(sum);
            logSumExp.Span<float>()[row] = slip == Slip.MaximumForgottenInLse ? log : maximum + log;
            for (var d = 0; d < o.Length && slip != Slip.NotNormalized; d++)
            {
                o[d] = sum == 0 ? 0 : o[d] / sum;
            }
        }

        return (output.To(p.Type), logSumExp);
    }

    private static float Score(AttentionProblem p, double[] q, double[] k, int b, int h, int i, int j)
    {
        var query = q.AsSpan(p.Layout.RowOffset(p.QueryHeads, p.QueryLength, p.HeadSize, b, h, i), p.HeadSize);
        var key = k.AsSpan(p.Layout.RowOffset(p.KvHeads, p.KvLength, p.HeadSize, b, p.KvHeadOf(h), j), p.HeadSize);
        var dot = 0f;
        for (var d = 0; d < query.Length; d++)
        {
            dot += (float)query[d] * (float)key[d];
        }

        return (float)p.EffectiveScale * dot;
    }
}
