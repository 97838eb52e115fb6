using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Verification.Golden;

/// <summary>The situations in which kernels go wrong, small: every one with every family of inputs, dtypes in turn.</summary>
public static class GoldenSuite
{
    private static readonly DType[] Types = [DType.F16, DType.BF16, DType.F32];

    /// <summary>The core suite.</summary>
    /// <param name="seed">Equal seeds give equal cases, on every machine.</param>
    public static IEnumerable<GoldenCase> Core(ulong seed)
    {
        var number = 0;
        foreach (var (name, problem) in Situations(seed))
        {
            foreach (var family in Enum.GetValues<InputFamily>())
            {
                var type = Types[number % Types.Length];
                if (GoldenCase.Draw(name, problem with { Type = type, LogSumExp = LogSumExpOutput.Natural }, family, seed + (1000 * (ulong)number)) is { } item)
                {
                    yield return item;
                }

                number++;
            }
        }
    }

    private static IEnumerable<(string Name, AttentionProblem Problem)> Situations(ulong seed) =>
        Masks(seed).Concat(Shapes()).Concat(Options(seed));

    private static AttentionProblem Problem(
        string mask, int queries = 33, int keys = 33, int batch = 1, int heads = 2, int kvHeads = 2, PositionAlignment alignment = PositionAlignment.BottomRight) => new()
        {
            Batch = batch,
            QueryHeads = heads,
            KvHeads = kvHeads,
            QueryLength = queries,
            KvLength = keys,
            HeadSize = 16,
            Mask = MaskText.Parse(mask),
            Alignment = alignment,
        };

    private static IEnumerable<(string, AttentionProblem)> Masks(ulong seed)
    {
        foreach (var (name, mask) in ((string, string)[])[
            ("full", "full"),
            ("causal", "causal"),
            ("causal_strict_empty_first_row", "causal(-1)"),
            ("causal_one_ahead", "causal(1)"),
            ("sliding_5", "sliding(5)"),
            ("sliding_0_diagonal", "sliding(0)"),
            ("causal_and_sliding_7", "causal & sliding(7)"),
            ("window_left_3_right_9", "window(left=3,right=9)"),
            ("dilated", "dilated(width=6,gap=2)"),
            ("longformer", "longformer(band=4,global=3)"),
            ("bigbird", "bigbird(band=4,global=3,fill=0.1,seed=3)"),
            ("strided", "strided(4)"),
            ("local_8", "local(8)"),
            ("prefix_5", "prefix(5)"),
            ("causal_or_global_2", "causal | longformer(band=0,global=2)"),
            ("not_sliding_3", "!sliding(3)"),
            ("sliding_4_without_diagonal", "sliding(4) & !sliding(0)"),
            ("head_0_causal_head_1_sliding", "heads([causal,sliding(3)])")])
        {
            yield return (name, Problem(mask));
        }

        foreach (var (name, share) in ((string, double)[])[("random_third", 0.33), ("random_sparse_with_empty_rows", 0.04)])
        {
            var problem = Problem("full", batch: 2);
            var bits = new SplitMix64(seed ^ 0xB175);
            var mask = HostTensor.Zeros(DType.Bool, 2, 2, problem.QueryLength, problem.KvLength);
            foreach (ref var bit in mask.Bytes)
            {
                bit = (bits.Next() >> 11) * (1.0 / (1UL << 53)) < share ? (byte)1 : (byte)0;
            }

            yield return ($"{name}_by_batch_and_head", problem with { Mask = DenseMask.From(mask) });
        }
    }

    private static IEnumerable<(string, AttentionProblem)> Shapes()
    {
        yield return ("causal_bottom_right_short_q", Problem("causal", 9, 33));
        yield return ("causal_top_left_short_q", Problem("causal", 9, 33, alignment: PositionAlignment.TopLeft));
        yield return ("causal_bottom_right_long_q_empty_first_rows", Problem("causal", 33, 20));
        yield return ("causal_top_left_long_q", Problem("causal", 33, 20, alignment: PositionAlignment.TopLeft));
        yield return ("sliding_4_bottom_right_short_q", Problem("sliding(4)", 17, 40));
        yield return ("causal_and_sliding_4_top_left_long_q_empty_last_rows", Problem("causal & sliding(4)", 33, 20, alignment: PositionAlignment.TopLeft));
        yield return ("decode_one_query", Problem("causal", 1, 33));
        yield return ("one_key", Problem("full", 9, 1));
        yield return ("one_query_one_key", Problem("full", 1, 1));
        yield return ("ragged_65_causal", Problem("causal", 65, 65, heads: 1, kvHeads: 1));
        yield return ("whole_tiles_64_causal", Problem("causal", 64, 64, heads: 1, kvHeads: 1));
        yield return ("gqa_4_over_2_causal", Problem("causal", heads: 4, kvHeads: 2));
        yield return ("mqa_4_over_1_sliding", Problem("sliding(6)", heads: 4, kvHeads: 1));
        yield return ("gqa_6_over_3_full", Problem("full", 17, 17, heads: 6, kvHeads: 3));
        yield return ("batch_3_causal", Problem("causal", 20, 20, batch: 3));
        yield return ("value_size_24", Problem("causal") with { ValueHeadSize = 24 });
        yield return ("head_size_17_causal", Problem("causal") with { HeadSize = 17 });
        yield return ("layout_bshd_causal", Problem("causal") with { Layout = AttentionLayout.BatchLengthHeads });
        yield return ("layout_bshd_gqa_sliding", Problem("sliding(6)", heads: 4, kvHeads: 2) with { Layout = AttentionLayout.BatchLengthHeads });
    }

    private static IEnumerable<(string, AttentionProblem)> Options(ulong seed)
    {
        yield return ("scale_1_causal", Problem("causal") with { Scale = 1 });
        yield return ("scale_small_causal", Problem("causal") with { Scale = 0.03125 });
        yield return ("scale_negative_causal", Problem("causal") with { Scale = -0.25 });
        yield return ("softcap_2_causal", Problem("causal") with { Softcap = 2 });
        yield return ("softcap_20_sliding", Problem("sliding(6)") with { Softcap = 20 });
        yield return ("alibi_causal", Problem("causal", heads: 4, kvHeads: 4) with { Bias = AlibiBias.Standard(4) });
        yield return ("alibi_bottom_right_short_q", Problem("causal", 9, 33) with { Bias = AlibiBias.Standard(2) });
        yield return ("bias_by_head_causal", Problem("causal") with { Bias = new DenseBias(RandomInputs.Tensor(seed ^ 0xB1A5, DType.F32, InputFamily.Normal, 1, 2, 33, 33)) });
        yield return ("relative_bias_full", Problem("full") with { Bias = new RelativeBias(RandomInputs.Tensor(seed ^ 0x7AB1, DType.F32, InputFamily.Normal, 8, 2), 16) });
        yield return ("sinks_causal", Problem("causal") with { Sinks = [0.5, -1.25] });
        yield return ("sinks_empty_first_row", Problem("causal(-1)") with { Sinks = [2, 0] });
        yield return ("softcap_and_alibi_and_sinks_causal", Problem("causal") with { Softcap = 5, Bias = AlibiBias.Standard(2), Sinks = [1, 1] });
        yield return ("lengths_vary_full", Problem("full", batch: 3) with { Lengths = [new(33, 33), new(10, 20), new(33, 5)] });
        yield return ("lengths_vary_causal", Problem("causal", batch: 3) with { Lengths = [new(33, 33), new(20, 20), new(7, 12)] });
        yield return ("lengths_zero_keys_and_zero_queries", Problem("full", batch: 3) with { Lengths = [new(33, 33), new(33, 0), new(0, 33)] });
    }
}
