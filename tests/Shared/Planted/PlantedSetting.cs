using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Tests.Planted;

/// <summary>A problem on which a bug makes a difference, and the name that it should be found under.</summary>
/// <param name="Bug">The bug.</param>
/// <param name="Problem">The problem.</param>
/// <param name="Tile">The kernel's square tile.</param>
/// <param name="Families">Names of the catalogue, one for each bug planted.</param>
internal sealed record PlantedSetting(PlantedBug Bug, AttentionProblem Problem, int Tile, IReadOnlyList<string> Families)
{
    /// <summary>The setting of a bug at about a length.</summary>
    public static PlantedSetting Of(PlantedBug bug, int length)
    {
        var tile = length <= 64 ? 16 : length <= 128 ? 32 : 64;
        var ragged = length - 9;
        var sliding = $"sliding({(length / 8) + 3})";
        var random = new Random(length);
        return bug switch
        {
            PlantedBug.None => Make(bug, length, tile, sliding),
            PlantedBug.BitmapsUnread => Make(bug, length, tile, sliding, "bitmaps unread: part tiles dense"),
            PlantedBug.FirstBatchMask => Change(Make(bug, length, tile, "full", "batch item 0's mask for all"), p => p with { Batch = 3, Mask = Dense(random, 3, 1, length) }),
            PlantedBug.FirstHeadMask => Change(Make(bug, length, tile, "full", "head 0's mask for all"), p => p with { Mask = Dense(random, 1, 2, length) }),
            PlantedBug.OtherAlignment => Change(Make(bug, length, tile, "causal", "other alignment"), p => p with { QueryLength = length - 21 }),
            PlantedBug.WindowOneLess or PlantedBug.WindowOneMore => Make(bug, length, tile, sliding, "mask edge off by one"),
            PlantedBug.OneSidedForTwoSided => Make(bug, length, tile, sliding, "one-sided for two-sided"),
            PlantedBug.TwoSidedForOneSided => Make(bug, length, tile, $"causal & {sliding}", "one-sided for two-sided"),
            PlantedBug.CausalStrict => Make(bug, length, tile, "causal", "causal strict"),
            PlantedBug.OneTileSkipped => Make(bug, length, tile, "bigbird(band=9,global=8,fill=0.05,seed=2)", "one listed tile skipped"),
            PlantedBug.RaggedTileDropped => Make(bug, ragged, tile, "full", "last ragged tile dropped"),
            PlantedBug.PreviousTileForListed => Make(bug, length, tile, "longformer(band=4,global=3)", "neighbouring tile instead of the next listed one"),
            PlantedBug.NotRescaled => Make(bug, length, tile, "causal", "accumulator not rescaled"),
            PlantedBug.FirstFlagInverted => Make(bug, length, tile, "causal", "first-tile flag inverted"),
            PlantedBug.ScaleMissing or PlantedBug.ScaleSquared => Make(bug, length, tile, sliding, "wrong scale"),
            PlantedBug.ScaleOfPaddedSize => Change(Make(bug, length, tile, sliding, "wrong scale"), p => p with { HeadSize = 40 }),
            PlantedBug.CapAfterMask => Change(Make(bug, length, tile, sliding, "softcap after mask"), p => p with { Softcap = 3 }),
            PlantedBug.BiasBeforeScale => Change(Make(bug, length, tile, "causal", "bias before scale"), p => p with { Bias = AlibiBias.Standard(2) }),
            PlantedBug.HeadModulo => Change(Make(bug, length, tile, sliding, "GQA head mapping"), p => p with { QueryHeads = 4, KvHeads = 2 }),
            PlantedBug.LogSumExpBaseTwo => Make(bug, length, tile, sliding, "LSE convention"),
            PlantedBug.WeightsToHalf => Change(Make(bug, length, tile, sliding, "weights rounded"), p => p with { Type = DType.F32 }),
            PlantedBug.ScoresToHalf => Change(Make(bug, length, tile, sliding, "scores rounded"), p => p with { Type = DType.F32 }),
            PlantedBug.BitmapsTransposed => Make(bug, length, tile, "causal & " + sliding, "8x8 bitmaps transposed"),
            PlantedBug.BitsReversed => Make(bug, length, tile, sliding, "bit order reversed"),
            PlantedBug.MaskInverted => Make(bug, length, tile, sliding, "mask inverted"),
            PlantedBug.SoftmaxOverQueries => Make(bug, length, tile, sliding, "softmax over the wrong axis"),
            PlantedBug.ValuesTransposed => Make(bug, length, tile, sliding, "V transposed"),
            PlantedBug.RowsNotWritten => Make(bug, ragged, tile, "causal", "rows not written"),
            PlantedBug.PaddingNotMasked => Change(Make(bug, length, tile, "full", "padding not masked"), p => p with { Batch = 2, Lengths = [new(length, length), new(length, length - 13)] }),
            PlantedBug.EmptyRowsBySentinel => Change(Make(bug, length, tile, "causal", "rows without keys not zero"), p => p with { KvLength = length - 11 }),
            PlantedBug.MaskIgnored => Make(bug, length, tile, sliding, "mask ignored"),
            PlantedBug.SinksMissing => Change(Make(bug, length, tile, sliding, "sinks missing"), p => p with { Sinks = [6, 12] }),
            PlantedBug.BitmapsUnreadAndFirstFlag => Make(bug, length, tile, sliding, "bitmaps unread: part tiles dense", "first-tile flag inverted"),
            PlantedBug.BitmapsUnreadAndFirstBatch => Change(
                Make(bug, length, tile, "full", "bitmaps unread: part tiles dense", "batch item 0's mask for all"),
                p => p with { Batch = 2, Mask = MaskText.Parse($"batch([{sliding},causal])") }),
            _ => Make(bug, length, tile, sliding, "mask edge off by one", "wrong scale"),
        };
    }

    /// <summary>Inputs of a family.</summary>
    public (HostTensor Q, HostTensor K, HostTensor V) Inputs(InputFamily family, int seed)
    {
        var (p, random) = (Problem, new Random(seed));
        return (
            Seeded.Tensor(random, p.Type, family, p.Layout.Shape(p.Batch, p.QueryHeads, p.QueryLength, p.HeadSize)),
            Seeded.Tensor(random, p.Type, family, p.Layout.Shape(p.Batch, p.KvHeads, p.KvLength, p.HeadSize)),
            Seeded.Tensor(random, p.Type, family, p.Layout.Shape(p.Batch, p.KvHeads, p.KvLength, p.ValueSize)));
    }

    private static PlantedSetting Make(PlantedBug bug, int length, int tile, string mask, params string[] families) => new(
        bug,
        new AttentionProblem
        {
            Batch = 1,
            QueryHeads = 2,
            KvHeads = 2,
            QueryLength = length,
            KvLength = length,
            HeadSize = 32,
            Type = DType.F16,
            Mask = MaskText.Parse(mask),
            LogSumExp = LogSumExpOutput.Natural,
        },
        tile,
        families);

    private static PlantedSetting Change(PlantedSetting setting, Func<AttentionProblem, AttentionProblem> change) =>
        setting with { Problem = change(setting.Problem) };

    private static DenseMask Dense(Random random, int batch, int heads, int length)
    {
        // Bands of different widths with holes: no two slices alike.
        var mask = HostTensor.Zeros(DType.Bool, batch, heads, length, length);
        for (var i = 0; i < mask.Count; i++)
        {
            var (slice, query, key) = (i / length / length, i / length % length, i % length);
            mask.Bytes[i] = Math.Abs(query - key) < 5 + (7 * slice) || random.Next(10) == 0 ? (byte)1 : (byte)0;
        }

        return DenseMask.From(mask);
    }
}
