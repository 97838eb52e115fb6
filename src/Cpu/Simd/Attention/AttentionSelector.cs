using System.Numerics;
using Stof.Reference.Formats;
using Stof.Reference.Operators;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>A choice with what it is expected to cost.</summary>
/// <param name="Choice">Kernel and tile.</param>
/// <param name="Nanoseconds">Expected time of one run; meant for comparing choices.</param>
public readonly record struct AttentionEstimate(AttentionChoice Choice, double Nanoseconds);

/// <summary>
/// Chooses kernel and tile for a problem: by STOF's published rule, or by counting what each choice would do and pricing it
/// with rates.
/// </summary>
public static class AttentionSelector
{
    // Nanoseconds on one core with AVX-512 that reaches 118 GFLOP/s, fitted to `stof-bench quick selector`, which prints what the
    // choice loses. Another core is faster or slower at all of them; what matters is their ratios.
    private const double TileMultiplyAdd = 0.0178; // one lane's multiply-add inside a tile product
    private const double TileScore = 0.25; // exp and sum of one score of a tile
    private const double TileMaskedScore = 0.2; // more, in a part tile: selection, narrow blocks; most where two multiply-adds pass in a cycle
    private const double TileReload = 0.05; // a score of a tile whose keys outgrow the first-level cache: nothing on Zen 4, 0.2 on Sapphire Rapids
    private const double TileRow = 1.5; // references of a query, once a tile
    private const double Tile = 150; // calls
    private const double BlockRow = 40; // a query into the lanes, its output out of them
    private const double PairScore = 1.2; // one allowed pair of the row-wise kernel: address, sum across lanes, exp
    private const double PairMultiplyAdd = 0.018; // one lane's multiply-add of it, from the first-level cache
    private const double PairElement = 0.03; // one element of a key or value that comes from the second-level cache
    private const double Row = 65; // a row of the row-wise kernel, beside its pairs
    private const double Packed = 0.3; // one element of K and V together, into panels; F32 is mostly read in place

    private const int FirstLevelBytes = 32 << 10; // 32 or 48 KiB in today's processors
    private const double ReloadedShare = 0.6; // of the pairs, where a row's keys outgrow the first-level cache

    private static readonly int[] Sides = [16, 32, 64, 128];

    /// <summary>
    /// The published rule (<see cref="PaperSelector"/>): row-wise iff the loaded share of 16×16 tiles is below
    /// 1.2/log₂(S/16)², on 64×64 tiles otherwise.
    /// </summary>
    /// <exception cref="InvalidInputException">The problem is out of range.</exception>
    public static AttentionChoice Paper(AttentionProblem problem)
    {
        ArgumentNullException.ThrowIfNull(problem);
        var counts = TileCounts.Of(BlockMaskBuilder.Build(problem.Validated().BindMask(), PaperSelector.Tile));
        return PaperSelector.Choose(counts.LoadShare, problem.KvLength) == KernelKind.RowWise
            ? new AttentionChoice(AttentionAlgorithm.Rowwise, TileShape.Default)
            : AttentionChoice.Default;
    }

    /// <summary>The cheapest of <see cref="Estimates"/>: the default.</summary>
    /// <inheritdoc cref="Estimates"/>
    public static AttentionChoice Measured(AttentionProblem problem, int? threads = null) => Estimates(problem, threads)[0].Choice;

    /// <summary>
    /// Every tile of sides 16, 32, 64, 128 for the block-wise kernel, and the row-wise kernel; cheapest first. The mask is
    /// evaluated once, in 16×16 tiles; coarser tiles are counted from these.
    /// </summary>
    /// <param name="problem">The problem.</param>
    /// <param name="threads">Workers that will share the tasks; null for one a core.</param>
    /// <exception cref="InvalidInputException">The problem is out of range.</exception>
    public static IReadOnlyList<AttentionEstimate> Estimates(AttentionProblem problem, int? threads = null)
    {
        ArgumentNullException.ThrowIfNull(problem);
        var p = problem.Validated();
        var mask = BlockMaskBuilder.Build(p.BindMask(), PaperSelector.Tile);
        var workers = threads ?? Environment.ProcessorCount;
        var estimates = new List<AttentionEstimate> { Rowwise(p, mask, workers) };
        foreach (var rows in Sides)
        {
            foreach (var columns in Sides)
            {
                estimates.Add(Blockwise(p, mask, new TileShape(rows, columns), workers));
            }
        }

        return [.. estimates.OrderBy(estimate => estimate.Nanoseconds)];
    }

    private static AttentionEstimate Rowwise(AttentionProblem p, BlockMask mask, int workers)
    {
        var elements = Lanes.RoundUp(p.HeadSize) + Lanes.RoundUp(p.ValueSize);
        var (pairs, loads) = Gathered(mask, Lanes.RoundUp(Math.Max(p.HeadSize, p.ValueSize)));
        var work = (pairs * (PairScore + (PairMultiplyAdd * elements))) + (loads * PairElement * elements);
        work = (work * Users(p, mask)) + (Rows(p) * Row);
        var choice = new AttentionChoice(AttentionAlgorithm.Rowwise, TileShape.Default);
        var sharers = Math.Min(workers, Math.Max(1, Rows(p) / 16));
        return new AttentionEstimate(choice, (work / sharers) + Packing(p, workers));
    }

    /// <summary>
    /// What the row-wise kernel does: its pairs, and how many keys come from beyond the first-level cache. Sixteen neighbouring rows
    /// load a key once if all their keys fit there.
    /// </summary>
    private static (long Pairs, double Loads) Gathered(BlockMask mask, int headSize)
    {
        var (pairs, loads) = (0L, 0.0);
        for (var row = 0; row + 1 < mask.LoadRowPtr.Length; row++)
        {
            var (itsPairs, keys) = (0, 0);
            for (var entry = mask.LoadRowPtr[row]; entry < mask.LoadRowPtr[row + 1]; entry++)
            {
                var allowed = mask.Tile.Rows * mask.Tile.Columns;
                if (mask.LoadPartIdx[entry] >= 0)
                {
                    allowed = 0;
                    foreach (var word in mask.Bitmap(mask.LoadPartIdx[entry]))
                    {
                        allowed += BitOperations.PopCount(word);
                    }
                }

                itsPairs += allowed;
                keys += Math.Min(allowed, mask.Tile.Columns);
            }

            pairs += itsPairs;
            loads += (long)keys * headSize * sizeof(float) > FirstLevelBytes ? Math.Max(keys, ReloadedShare * itsPairs) : keys;
        }

        return (pairs, loads);
    }

    private static AttentionEstimate Blockwise(AttentionProblem p, BlockMask mask, TileShape tile, int workers)
    {
        var (fullPairs, partPairs, rows) = Coarsened(mask, tile);
        var pair = TileScore + (TileMultiplyAdd * (p.HeadSize + p.ValueSize));
        pair += (long)tile.Columns * Lanes.RoundUp(p.HeadSize) * sizeof(float) > FirstLevelBytes ? TileReload : 0;
        var tiles = (double)rows / tile.Rows;
        var work = (((fullPairs + partPairs) * pair) + (partPairs * TileMaskedScore) + (tiles * Tile) + (rows * TileRow)) * Users(p, mask);
        work += Rows(p) * BlockRow;

        // Whole tasks go to workers: a last round that is not full costs as much as a full one.
        var tasks = Math.Max(1.0, (double)p.Batch * p.QueryHeads * ((p.QueryLength + tile.Rows - 1) / tile.Rows));
        var rounds = Math.Ceiling(tasks / workers) / tasks;
        var choice = new AttentionChoice(AttentionAlgorithm.Blockwise, tile);
        return new AttentionEstimate(choice, (work * rounds) + Packing(p, workers));
    }

    private static double Rows(AttentionProblem p) => (double)p.Batch * p.QueryHeads * p.QueryLength;

    private static double Packing(AttentionProblem p, int workers) =>
        (double)p.Batch * p.KvHeads * p.KvLength * (p.HeadSize + p.ValueSize) * Packed / workers;

    /// <summary>(Batch item, head) pairs that share one stored slice.</summary>
    private static double Users(AttentionProblem p, BlockMask mask) =>
        (double)p.Batch * p.QueryHeads / (mask.BatchSlices * mask.HeadSlices);

    /// <summary>
    /// What the block-wise kernel computes on a coarser tiling, from 16×16 tiles: pairs in full tiles, pairs in part tiles (for
    /// sixteen queries, the keys from their first to their last), and query rows of all loaded tiles.
    /// </summary>
    private static (long FullPairs, long PartPairs, long Rows) Coarsened(BlockMask mask, TileShape tile)
    {
        var (high, wide) = (tile.Rows / mask.Tile.Rows, tile.Columns / mask.Tile.Columns);
        var pairs = mask.Tile.Rows * mask.Tile.Columns;
        var fullInside = new int[(mask.TileColumns / wide) + 1];
        var spanned = new int[fullInside.Length];
        var (fullPairs, partPairs, rows) = (0L, 0L, 0L);
        for (var slice = 0; slice < mask.BatchSlices * mask.HeadSlices; slice++)
        {
            for (var row = 0; row < mask.TileRows; row += high)
            {
                Array.Clear(fullInside);
                Array.Clear(spanned);
                for (var inner = row; inner < Math.Min(row + high, mask.TileRows); inner++)
                {
                    var first = mask.LoadRowPtr[(slice * mask.TileRows) + inner];
                    var end = mask.LoadRowPtr[(slice * mask.TileRows) + inner + 1];
                    var before = -1;
                    for (var entry = first; entry < end; entry++)
                    {
                        // Entries of a row ascend: a span grows by the distance to the one before in the same tile.
                        var at = mask.LoadColIdx[entry];
                        var continues = before >= 0 && before / wide == at / wide;
                        spanned[at / wide] += continues ? at - before : 1;
                        fullInside[at / wide] += mask.LoadPartIdx[entry] < 0 ? 1 : 0;
                        before = at;
                    }
                }

                for (var i = 0; i < spanned.Length; i++)
                {
                    var isFull = fullInside[i] == high * wide;
                    fullPairs += isFull ? (long)spanned[i] * pairs : 0;
                    partPairs += isFull ? 0 : (long)spanned[i] * pairs;
                    rows += spanned[i] > 0 ? tile.Rows : 0;
                }
            }
        }

        return (fullPairs, partPairs, rows);
    }
}
