using Stof.Reference.Cpu.Simd.Attention;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Unit.Tests.Cpu.Attention;

/// <summary>
/// The block-wise kernel's reference m: 0 while the lengths of queries and keys bound the scores, else one that follows them. Which way a tile went
/// must not show.
/// </summary>
public sealed class AttentionReferenceTests
{
    private const int Size = 24;
    private const int Keys = 192;

    // A key that nobody attends to is read with its tile and makes the bound whatever one likes: far inside, just inside the limit of sixty powers
    // of two, just outside, far outside, and nothing at all.
    [Theory]
    [InlineData(DType.F32, 1)]
    [InlineData(DType.F32, 3)]
    [InlineData(DType.BF16, 1)]
    public void The_bound_of_a_tile_does_not_show_in_the_bits(DType type, int splits)
    {
        foreach (var mask in new MaskPattern[] { new SomeKeys(0, 70), new HashedMask(5, 0.4, false, false) & new SomeKeys(0, 70) })
        {
            var item = Case(mask, new TileShape(32, 64), type, splits);
            var longest = Longest(item.Q) * Math.Sqrt(1.0 / Size) * Math.Log2(Math.E);
            var expected = Run(item);
            AttentionBudget.Check(item, expected.Output, expected.LogSumExp, item.ToString());
            foreach (var bound in new[] { 0, 59.5, 60.5, 1e4, double.PositiveInfinity })
            {
                var k = item.K.Reshaped(item.K.Shape).ToDoubles();
                for (var head = 0; head < 2; head++)
                {
                    k[((head * Keys) + 70) * Size] = bound / longest;
                    Array.Clear(k, (((head * Keys) + 70) * Size) + 1, Size - 1);
                }

                RequireSame(expected, Run(item with { K = HostTensor.From(k, item.K.Shape).To(type) }), $"{item} bound {bound}");
            }
        }
    }

    [Fact]
    public void Rows_that_do_not_attend_to_a_long_key_keep_their_bits()
    {
        var item = Case(new CausalMask(), new TileShape(16, 32), DType.F32, splits: 1);
        var expected = Run(item);
        var k = item.K.Reshaped(item.K.Shape);
        k.Span<float>().Slice(150 * Size, Size).Fill(300f);
        var found = Run(item with { K = k });
        AttentionBudget.Check(item with { K = k }, found.Output, found.LogSumExp, item.ToString());
        Assert.True(found.Output.Span<float>()[..(150 * Size)].SequenceEqual(expected.Output.Span<float>()[..(150 * Size)]));
        Assert.True(found.LogSumExp.Span<float>()[..150].SequenceEqual(expected.LogSumExp.Span<float>()[..150]));
    }

    // Head 0 stays bounded; in head 1 the second tile is not, and nor is anything in head 2. Rows that had no key before may lie far below 0.
    [Theory]
    [InlineData(1, 40f)]
    [InlineData(1, -40f)]
    [InlineData(2, -40f)]
    [InlineData(3, 7f)]
    public void Tiles_and_heads_of_either_kind_stay_within_the_element_budget(int splits, float factor)
    {
        foreach (var mask in new MaskPattern[] { new FullMask(), new HashedMask(2, 0.3, false, false), new SomeKeys(64, -1) })
        {
            var item = Case(mask, new TileShape(32, 64), DType.F32, splits, heads: 3);
            var q = item.Q.Span<float>();
            var k = item.K.Span<float>();
            for (var i = 0; i < q.Length; i += Size)
            {
                q[i] = 5 + (i % 7);
            }

            for (var key = 0; key < 3 * Keys; key++)
            {
                k[key * Size] = key >= Keys + 64 ? factor : k[key * Size];
            }

            var found = Run(item);
            AttentionBudget.Check(item, found.Output, found.LogSumExp, $"{item} factor {factor}");
        }
    }

    // Every second row has no key in the first tile, whose scores are bounded; those of the second are not, and lie further below 0 than a float
    // holds.
    [Fact]
    public void Rows_that_meet_their_first_key_far_below_an_early_reference_are_not_lost()
    {
        var item = Case(new OddRowsFrom(64), new TileShape(32, 64), DType.F32, splits: 1);
        var q = item.Q.Span<float>();
        var k = item.K.Span<float>();
        for (var i = 0; i < q.Length; i += Size)
        {
            (q[i], k[i]) = (20f, i / Size % Keys >= 64 ? -50f : 0.1f);
        }

        var found = Run(item);
        AttentionBudget.Check(item, found.Output, found.LogSumExp, item.ToString());
    }

    // All scores near ±level in base 2 and within the bound: weights are very small or very large, and so are values. What m = 0 cannot hold is
    // computed again.
    [Theory]
    [InlineData(-50, 1f)]
    [InlineData(-50, 1e-30f)]
    [InlineData(50, 1f)]
    [InlineData(50, 1e27f)]
    [InlineData(-20, 1e-28f)]
    public void Scores_at_the_ends_of_the_bound_stay_within_the_element_budget(double level, float value)
    {
        foreach (var (splits, sink) in new[] { (1, double.NaN), (2, double.NaN), (1, -60.0), (1, 0), (1, 60) })
        {
            var item = Case(new CausalMask(), new TileShape(32, 64), DType.F32, splits);
            item = item with
            {
                Problem = item.Problem with { Scale = 1 / Math.Log2(Math.E), Sinks = double.IsNaN(sink) ? null : [sink, -sink] },
            };
            var q = item.Q.Span<float>();
            var k = item.K.Span<float>();
            for (var i = 0; i < q.Length; i++)
            {
                q[i] = i % Size == 0 ? 7f : 0.01f * q[i];
            }

            for (var i = 0; i < k.Length; i++)
            {
                k[i] = i % Size == 0 ? (float)(level / 7) : 0.1f * k[i];
            }

            foreach (ref var v in item.V.Span<float>())
            {
                v *= value;
            }

            var found = Run(item);
            AttentionBudget.Check(item, found.Output, found.LogSumExp, $"{item} level {level} value {value} sink {sink}");
        }
    }

    [Fact]
    public void Values_that_are_not_finite_show_where_they_are_attended_whatever_the_reference()
    {
        var item = Case(new CausalMask(), new TileShape(16, 32), DType.F32, splits: 1);
        item.V.Span<float>().Slice(100 * Size, Size).Fill(float.PositiveInfinity);
        var found = Run(item).Output.Span<float>();
        for (var row = 0; row < 2 * Keys; row++)
        {
            var shows = row < Keys && row >= 100;
            Assert.All(found.Slice(row * Size, Size).ToArray(), x => Assert.Equal(!shows, float.IsFinite(x)));
        }
    }

    private static AttentionCase Case(MaskPattern mask, TileShape tile, DType type, int splits, int heads = 2)
    {
        var problem = new AttentionProblem
        {
            Batch = 1,
            QueryHeads = heads,
            KvHeads = heads,
            QueryLength = Keys,
            KvLength = Keys,
            HeadSize = Size,
            Type = type,
            Mask = mask,
            KvSplits = splits,
            LogSumExp = LogSumExpOutput.Natural,
        };
        return AttentionCases.WithInputs(problem, new AttentionChoice(AttentionAlgorithm.Blockwise, tile), new Random(11), family: 0);
    }

    private static (HostTensor Output, HostTensor LogSumExp) Run(AttentionCase item)
    {
        using var pool = new WorkerPool(1);
        var (output, logSumExp) = CpuAttention.Run(item.Problem, item.Q, item.K, item.V, item.Choice, pool);
        return (output, logSumExp!);
    }

    private static double Longest(HostTensor queries) =>
        queries.ToDoubles().Chunk(Size).Max(query => Math.Sqrt(query.Sum(x => x * x)));

    private static void RequireSame(
        (HostTensor Output, HostTensor LogSumExp) expected, (HostTensor Output, HostTensor LogSumExp) found, string context)
    {
        Assert.True(found.Output.Bytes.SequenceEqual(expected.Output.Bytes), context);
        Assert.True(found.LogSumExp.Bytes.SequenceEqual(expected.LogSumExp.Bytes), $"{context}: LSE");
    }

    /// <summary>All keys for even rows, keys from the first on for odd ones.</summary>
    private sealed record OddRowsFrom(int First) : MaskPattern
    {
        public override BoundMask Bind(MaskExtent extent) => new Bound(First, extent);

        protected override string ToText() => $"odd rows from {First}";

        private sealed class Bound(int first, MaskExtent extent) : BoundMask(extent)
        {
            public override bool Allows(int batch, int head, int query, int key) => query % 2 == 0 || key >= first;

            public override TileClass Classify(int batch, int head, MaskRect rect) => rect.KeyStart >= first ? TileClass.Full : TileClass.Part;
        }
    }

    /// <summary>Keys from the first on, but one.</summary>
    private sealed record SomeKeys(int First, int Masked) : MaskPattern
    {
        public override BoundMask Bind(MaskExtent extent) => new Bound(this, extent);

        protected override string ToText() => $"keys from {First} but {Masked}";

        private sealed class Bound(SomeKeys mask, MaskExtent extent) : BoundMask(extent)
        {
            public override bool Allows(int batch, int head, int query, int key) => key >= mask.First && key != mask.Masked;

            public override TileClass Classify(int batch, int head, MaskRect rect) =>
                rect.KeyEnd <= mask.First ? TileClass.Empty
                : rect.KeyStart >= mask.First && !(rect.KeyStart <= mask.Masked && mask.Masked < rect.KeyEnd) ? TileClass.Full
                : TileClass.Part;
        }
    }
}
