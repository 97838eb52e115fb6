using System.Globalization;
using System.Numerics;
using Stof.Reference.Formats;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;

namespace Stof.Reference.Verification.Diagnosis;

/// <summary>The mutations of arithmetic: scale, cap, bias, softmax, rounding, and how operands are read.</summary>
internal static class ScoreMutations
{
    private const double Log2E = 1.4426950408889634;

    /// <summary>All that can make a difference to a problem.</summary>
    public static IEnumerable<Mutation> Of(AttentionProblem p, IReadOnlyList<TileShape> tiles) =>
        Scales(p).Concat(CapAndBias(p, tiles)).Concat(Softmax(p)).Concat(Operands(p)).Concat(Rounding(p));

    private static IEnumerable<Mutation> Scales(AttentionProblem p)
    {
        var right = p.EffectiveScale;
        var padded = (int)BitOperations.RoundUpToPowerOf2((uint)p.HeadSize);
        (string Name, double Scale)[] others =
        [
            ("missing", 1),
            ("applied twice", right * right),
            ("1/d", 1.0 / p.HeadSize),
            ("1/sqrt(d) instead of the given one", 1 / Math.Sqrt(p.HeadSize)),
            ("by the value size", 1 / Math.Sqrt(p.ValueSize)),
            ("by the padded head size", 1 / Math.Sqrt(padded)),
            ("by the padded head size of 64", 1 / Math.Sqrt((p.HeadSize + 63) / 64 * 64)),
            ("by all heads together", 1 / Math.Sqrt((double)p.HeadSize * p.QueryHeads)),
            ("by sqrt(d) multiplied", Math.Sqrt(p.HeadSize)),
            ("by twice the head size", 1 / Math.Sqrt(2.0 * p.HeadSize)),
            ("by half the head size", 1 / Math.Sqrt(p.HeadSize / 2.0)),
            ("exp2 without the factor log2 e", right / Log2E),
            ("factor log2 e twice", right * Log2E),
            ("negative", -right),
            ("sqrt", Math.Sqrt(Math.Abs(right))),
        ];
        var seen = new HashSet<double> { right };
        foreach (var (name, scale) in others)
        {
            if (seen.Add(scale))
            {
                yield return new Mutation(
                    Families.WrongScale,
                    string.Create(CultureInfo.InvariantCulture, $"{name}: {scale:g4}"),
                    variant => variant with { Problem = variant.Problem with { Scale = scale } });
            }
        }
    }

    private static IEnumerable<Mutation> CapAndBias(AttentionProblem p, IReadOnlyList<TileShape> tiles)
    {
        if (p.Softcap is not null)
        {
            yield return new Mutation(Families.CapAfterMask, "all masked scores become -c", variant => variant with { CapAfterMask = true });
            foreach (var tile in tiles)
            {
                yield return new Mutation(
                    Families.CapAfterMask, $"masked scores in loaded tiles become -c, tile {tile}", variant => variant with { CapAfterMask = true, CapTile = tile });
            }

            yield return new Mutation(Families.CapMissing, "", variant => variant with { Problem = variant.Problem with { Softcap = null } });
        }

        if (p.Bias is not null)
        {
            yield return new Mutation(Families.BiasBeforeScale, "", variant => variant with { BiasBeforeScale = true });
            yield return new Mutation(Families.BiasWrong, "missing", variant => variant with { BiasFactor = 0 });
            yield return new Mutation(Families.BiasWrong, "negated", variant => variant with { BiasFactor = -1 });
        }

        if (p.Sinks is not null)
        {
            yield return new Mutation(Families.SinksMissing, "", variant => variant with { Problem = variant.Problem with { Sinks = null } });
        }
    }

    private static IEnumerable<Mutation> Softmax(AttentionProblem p)
    {
        yield return new Mutation(Families.WrongAxis, "over queries", variant => variant with { Softmax = SoftmaxKind.OverQueries });
        yield return new Mutation(Families.NotNormalized, "", variant => variant with { Softmax = SoftmaxKind.NotNormalized });
        foreach (var (rule, name) in ((EmptyRowRule, string)[])[
            (EmptyRowRule.Unmasked, "sentinel added: unmasked attention"),
            (EmptyRowRule.Mean, "sentinel for all scores: mean of all values"),
            (EmptyRowRule.NotANumber, "NaN")])
        {
            yield return new Mutation(Families.EmptyRows, name, variant => variant with { EmptyRows = rule });
        }
    }

    private static IEnumerable<Mutation> Operands(AttentionProblem p)
    {
        if (p.KvHeads > 1 && p.QueryHeads > p.KvHeads)
        {
            yield return new Mutation(Families.HeadMapping, "h mod Hkv", variant => variant with { Heads = HeadMap.Modulo });
        }

        if (p.KvHeads > 1)
        {
            yield return new Mutation(Families.HeadMapping, "KV head 0 for all", variant => variant with { Heads = HeadMap.First });
        }

        if (p.KvLength > 1 && p.ValueSize > 1)
        {
            yield return new Mutation(Families.ValuesTransposed, "", variant => variant with { Values = OperandReading.Transposed });
        }

        if (p.KvHeads > 1 && p.KvLength > 1)
        {
            yield return Reading("K and V", variant => variant with { Keys = OperandReading.OtherLayout, Values = OperandReading.OtherLayout });
            yield return Reading("V", variant => variant with { Values = OperandReading.OtherLayout });
            yield return Reading("K", variant => variant with { Keys = OperandReading.OtherLayout });
        }

        if (p.QueryHeads > 1 && p.QueryLength > 1)
        {
            yield return Reading("Q", variant => variant with { Queries = OperandReading.OtherLayout });
        }

        yield return new Mutation(
            Families.WrongLayout, "K transposed", variant => variant with { Keys = OperandReading.Transposed });
    }

    private static IEnumerable<Mutation> Rounding(AttentionProblem p)
    {
        foreach (var type in (DType[])[DType.F16, DType.BF16])
        {
            yield return new Mutation(Families.ScoresRounded, $"scaled scores to {type}", variant => variant with { ScoreRounding = type });
            yield return new Mutation(Families.ScoresRounded, $"products to {type}", variant => variant with { ProductRounding = type });
            yield return new Mutation(
                Families.ScoresRounded, $"products and scaled scores to {type}", variant => variant with { ProductRounding = type, ScoreRounding = type });
            if (type == p.Type)
            {
                continue; // weights in the kernel's dtype are as they should be
            }

            yield return new Mutation(Families.WeightsRounded, $"to {type}, after the sum", variant => variant with { WeightRounding = type });
            yield return new Mutation(
                Families.WeightsRounded,
                $"to {type}, divided first",
                variant => variant with { WeightRounding = type, NormalizedBeforeRounding = true });
            yield return new Mutation(Families.InputsRounded, $"q and k to {type}", variant => variant with { InputRounding = type });
            yield return new Mutation(Families.OutputsRounded, $"to {type}", variant => variant with { OutputRounding = type });
        }

        if (p.Type == DType.F32)
        {
            yield return new Mutation(Families.InputsRounded, "q and k to TF32", variant => variant with { InputRounding = DType.F32 });
        }
    }

    private static Mutation Reading(string what, Func<AttentionVariant, AttentionVariant> apply) =>
        new(Families.WrongLayout, $"{what} with heads and length exchanged", apply);
}
