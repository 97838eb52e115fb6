using Stof.Reference.Formats;
using Stof.Reference.Operators;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>A choice with what it is expected to cost.</summary>
/// <param name="Choice">Kernel and tile.</param>
/// <param name="Nanoseconds">Expected time of one run; meant for comparing choices.</param>
public readonly record struct AttentionEstimate(AttentionChoice Choice, double Nanoseconds);

/// <summary>
/// Chooses kernel and tile for a problem: by STOF's published rule, or by counting what each choice would do and pricing it
/// with measured rates.
/// </summary>
public static class AttentionSelector
{
    // Nanoseconds on one core with AVX-512 that reaches 178 GFLOP/s; bench/Quick/AttentionQuick.cs measures what they predict.
    private const double TileMultiplyAdd = 0.012; // one lane's multiply-add inside a tile product
    private const double TileScore = 0.42; // scale, largest, exp, sum of one score of a tile
    private const double TileMaskedScore = 0.1; // more, in a part tile
    private const double TileRow = 7; // rescaling and reductions of a row, once a tile
    private const double Tile = 60; // calls
    private const double BlockRow = 40; // first load, division and store of a query
    private const double GatherMultiplyAdd = 0.02; // one lane's multiply-add of the row-wise kernel
    private const double GatherScore = 5; // reduction across lanes, exp, sum of one allowed pair
    private const double ScatteredScore = 8; // more, if its neighbours are not allowed: nothing is prefetched
    private const double PackedTransposed = 0.5; // one element of K and V together, into panels
    private const double PackedRows = 0.4;

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
        var counts = TileCounts.Of(mask);
        var filled = counts.Allowed / Math.Max(1.0, (counts.Full + counts.Part) * (double)(mask.Tile.Rows * mask.Tile.Columns));
        var pair = GatherScore + (ScatteredScore * (1 - filled))
            + (GatherMultiplyAdd * (Lanes.RoundUp(p.HeadSize) + Lanes.RoundUp(p.ValueSize)));
        var work = (counts.Allowed * Users(p, mask) * pair) + (Rows(p) * BlockRow);
        var choice = new AttentionChoice(AttentionAlgorithm.Rowwise, TileShape.Default);
        var sharers = Math.Min(workers, Math.Max(1, Rows(p) / 16));
        return new AttentionEstimate(choice, (work / sharers) + Packing(p, PackedRows, workers));
    }

    private static AttentionEstimate Blockwise(AttentionProblem p, BlockMask mask, TileShape tile, int workers)
    {
        var (full, part) = Coarsened(mask, tile);
        var rows = Math.Min(tile.Rows, p.QueryLength);
        var columns = Math.Min(tile.Columns, Lanes.RoundUp(p.KvLength));
        var score = TileScore + (TileMultiplyAdd * (p.HeadSize + Lanes.RoundUp(p.ValueSize)));
        var perTile = Tile + (rows * TileRow) + ((double)rows * columns * score);
        var tiles = ((full + part) * perTile) + (part * (double)rows * columns * TileMaskedScore);
        var work = (tiles * Users(p, mask)) + (Rows(p) * BlockRow);

        // Whole tasks go to workers: a last round that is not full costs as much as a full one.
        var tasks = Math.Max(1.0, (double)p.Batch * p.QueryHeads * ((p.QueryLength + tile.Rows - 1) / tile.Rows));
        var rounds = Math.Ceiling(tasks / workers) / tasks;
        var choice = new AttentionChoice(AttentionAlgorithm.Blockwise, tile);
        return new AttentionEstimate(choice, (work * rounds) + Packing(p, PackedTransposed, workers));
    }

    private static double Rows(AttentionProblem p) => (double)p.Batch * p.QueryHeads * p.QueryLength;

    private static double Packing(AttentionProblem p, double element, int workers) =>
        (double)p.Batch * p.KvHeads * p.KvLength * (p.HeadSize + p.ValueSize) * element / workers;

    /// <summary>(Batch item, head) pairs that share one stored slice.</summary>
    private static double Users(AttentionProblem p, BlockMask mask) =>
        (double)p.Batch * p.QueryHeads / (mask.BatchSlices * mask.HeadSlices);

    /// <summary>Full and part tiles of a coarser tiling, from 16×16 tiles.</summary>
    private static (long Full, long Part) Coarsened(BlockMask mask, TileShape tile)
    {
        var (high, wide) = (tile.Rows / mask.Tile.Rows, tile.Columns / mask.Tile.Columns);
        var fullInside = new int[(mask.TileColumns / wide) + 1];
        var loaded = new bool[fullInside.Length];
        var (full, part) = (0L, 0L);
        for (var slice = 0; slice < mask.BatchSlices * mask.HeadSlices; slice++)
        {
            for (var row = 0; row < mask.TileRows; row += high)
            {
                Array.Clear(fullInside);
                Array.Clear(loaded);
                var first = (slice * mask.TileRows) + row;
                var end = (slice * mask.TileRows) + Math.Min(row + high, mask.TileRows);
                for (var entry = mask.LoadRowPtr[first]; entry < mask.LoadRowPtr[end]; entry++)
                {
                    loaded[mask.LoadColIdx[entry] / wide] = true;
                    fullInside[mask.LoadColIdx[entry] / wide] += mask.LoadPartIdx[entry] < 0 ? 1 : 0;
                }

                var rowFull = fullInside.Count(count => count == high * wide);
                full += rowFull;
                part += loaded.Count(isLoaded => isLoaded) - rowFull;
            }
        }

        return (full, part);
    }
}
