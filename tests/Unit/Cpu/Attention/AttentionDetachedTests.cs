using Stof.Reference.Cpu.Simd.Attention;
using Stof.Reference.Cpu.Simd.Attention.Detached;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Unit.Tests.Cpu.Attention;

public sealed class AttentionDetachedTests
{
    [Fact]
    public void The_four_operators_in_a_row_stay_within_the_element_budget()
    {
        using var pool = new WorkerPool(2);
        for (var seed = 5000; seed < 5080; seed++)
        {
            var item = AttentionCases.Random(seed);
            AttentionBudget.Check(item, Detached(item, pool), null, $"detached, seed {seed} {item}");
        }
    }

    [Fact]
    public void The_number_of_threads_does_not_change_a_bit()
    {
        for (var seed = 5000; seed < 5020; seed++)
        {
            var item = AttentionCases.Random(seed);
            using var one = new WorkerPool(1);
            using var three = new WorkerPool(3);
            Assert.True(Detached(item, one).Bytes.SequenceEqual(Detached(item, three).Bytes), $"seed {seed} {item}");
        }
    }

    [Fact]
    public void What_masked_keys_and_values_hold_does_not_reach_a_row_and_what_attended_values_hold_does()
    {
        using var pool = new WorkerPool(2);
        var problem = new AttentionProblem
        {
            Batch = 1,
            QueryHeads = 2,
            KvHeads = 1,
            QueryLength = 50,
            KvLength = 300,
            HeadSize = 24,
            Mask = new HashedMask(5, 0.4, false, false),
        };
        var item = AttentionCases.WithInputs(problem, AttentionChoice.Default, new Random(3), 0);
        var clean = Detached(item, pool).Span<float>().ToArray();
        var mask = problem.BindMask();
        foreach (var key in new[] { 0, 17, 255, 256, 299 })
        {
            foreach (var poison in new[] { float.NaN, float.PositiveInfinity })
            {
                var (k, v) = (item.K.Reshaped(item.K.Shape), item.V.Reshaped(item.V.Shape));
                k.Span<float>().Slice(key * 24, 24).Fill(poison);
                v.Span<float>().Slice(key * 24, 24).Fill(poison);
                var found = Detached(item with { K = k, V = v }, pool).Span<float>().ToArray();
                for (var row = 0; row < 100; row++)
                {
                    var (expected, actual) = (clean.AsMemory(row * 24, 24), found.AsMemory(row * 24, 24));
                    var right = mask.Allows(0, row / 50, row % 50, key)
                        ? !float.IsFinite(actual.Span[0])
                        : expected.Span.SequenceEqual(actual.Span);
                    Assert.True(right, $"key {key} poison {poison} row {row}");
                }
            }
        }
    }

    [Fact]
    public void Softmax_of_a_row_without_scores_is_zero_and_a_sink_takes_its_share()
    {
        using var pool = new WorkerPool(1);
        var problem = new AttentionProblem { Batch = 1, QueryHeads = 2, KvHeads = 1, QueryLength = 1, KvLength = 2, HeadSize = 1 };
        var scores = HostTensor.From([float.NegativeInfinity, float.NegativeInfinity, 0f, 0f], 1, 2, 1, 2);
        new RowSoftmax(problem).Run(scores, pool);
        Assert.Equal([0f, 0f, 0.5f, 0.5f], scores.Span<float>().ToArray());
        var sunk = HostTensor.From([float.NegativeInfinity, float.NegativeInfinity, 0f, 0f], 1, 2, 1, 2);
        new RowSoftmax(problem with { Sinks = [0, 0] }).Run(sunk, pool);
        Assert.Equal([0f, 0f, 1f / 3, 1f / 3], sunk.Span<float>().ToArray());
    }

    [Fact]
    public void Heads_side_by_side_hold_the_rows_of_separate_heads()
    {
        using var pool = new WorkerPool(2);
        const int B = 2, H = 3, S = 5, D = 4;
        var source = AttentionCases.Normal(new Random(1), 0, DType.F16, B, H, S, D);
        var target = HostTensor.Zeros(DType.F16, B * S, H * D);
        MergeHeads.Run(
            AttentionView.Whole("source", source, AttentionLayout.BatchHeadsLength, B, H, S, D),
            AttentionView.Columns(target, S, 0, D),
            B,
            H,
            S,
            D,
            pool);
        var (from, to) = (source.ToDoubles(), target.ToDoubles());
        for (var i = 0; i < to.Length; i++)
        {
            var (b, s, h, d) = (i / (S * H * D), i / (H * D) % S, i / D % H, i % D);
            Assert.Equal(from[(((((b * H) + h) * S) + s) * D) + d], to[i]);
        }
    }

    [Fact]
    public void Wrong_operands_are_refused_by_name()
    {
        using var pool = new WorkerPool(1);
        var problem = new AttentionProblem { Batch = 1, QueryHeads = 1, KvHeads = 1, QueryLength = 2, KvLength = 3, HeadSize = 4 };
        var wrong = HostTensor.Zeros(DType.F32, 1, 1, 3, 2);
        Assert.Equal("scores", Assert.Throws<InvalidInputException>(() => new RowSoftmax(problem).Run(wrong, pool)).Argument);
        Assert.Equal("scores", Assert.Throws<InvalidInputException>(() => new ScaleMask(problem).Run(wrong, pool)).Argument);
        var q = AttentionOperands.Of(
            problem,
            HostTensor.Zeros(DType.F32, 1, 1, 2, 4),
            HostTensor.Zeros(DType.F32, 1, 1, 3, 4),
            HostTensor.Zeros(DType.F32, 1, 1, 3, 4),
            HostTensor.Zeros(DType.F32, 1, 1, 2, 4));
        var scores = HostTensor.Zeros(DType.F32, 1, 1, 2, 3);
        Assert.Equal("k", Assert.Throws<InvalidInputException>(
            () => new ScoreProduct(problem).Run(q.Query, q.Key with { Offset = 1 }, scores, pool)).Argument);
        Assert.Equal("v", Assert.Throws<InvalidInputException>(
            () => new WeightedSum(problem).Run(scores, q.Value with { RowStride = 9 }, q.Output, pool)).Argument);
    }

    private static HostTensor Detached(AttentionCase item, WorkerPool pool)
    {
        var p = item.Problem;
        var output = HostTensor.Zeros(p.Type, p.Layout.Shape(p.Batch, p.QueryHeads, p.QueryLength, p.ValueSize));
        var operands = AttentionOperands.Of(p, item.Q, item.K, item.V, output);
        var scores = HostTensor.Uninitialized(DType.F32, p.Batch, p.QueryHeads, p.QueryLength, p.KvLength);
        new ScoreProduct(p).Run(operands.Query, operands.Key, scores, pool);
        new ScaleMask(p).Run(scores, pool);
        new RowSoftmax(p).Run(scores, pool);
        new WeightedSum(p).Run(scores, operands.Value, operands.Output, pool);
        return output;
    }
}
