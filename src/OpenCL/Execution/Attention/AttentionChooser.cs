using System.Numerics;
using Stof.Reference.Formats;
using Stof.Reference.Operators;

namespace Stof.Reference.OpenCL.Execution.Attention;

/// <summary>Which attention kernel a caller wants.</summary>
public enum AttentionKernelChoice
{
    /// <summary>Whichever is expected to be faster.</summary>
    Automatic,

    /// <summary>Tile by tile, where a tile fits the device; else row by row.</summary>
    Blockwise,

    /// <summary>Row by row, allowed keys only.</summary>
    Rowwise,
}

/// <summary>Chooses the kernel of an attention.</summary>
internal static class AttentionChooser
{
    // What a pair costs a row-wise kernel beside a block-wise one, which also computes pairs that are masked. Head size 64, measured: of a processor on
    // PoCL, of a GPU and of matrix units on an H100.
    private const double LanesPairCost = 4;
    private const double GroupsPairCost = 10;
    private const double MatrixPairCost = 100;

    private const int Group = 8; // keys that the block-wise kernel of a processor skips together

    /// <summary>The tile that block-wise kernels have by default.</summary>
    public static TileShape LanesTile { get; } = new(32, 64);

    /// <summary>The plan for a problem.</summary>
    public static AttentionLayoutPlan Choose(KernelDevice device, AttentionProblem problem, AttentionKernelChoice choice, BlockwiseTiling? tiling = null)
    {
        var blockwise = choice == AttentionKernelChoice.Rowwise ? null : Blockwise(device, problem, tiling);
        if (blockwise is null || (choice == AttentionKernelChoice.Automatic && IsSparse(blockwise, problem)))
        {
            return Rowwise(device);
        }

        return blockwise;
    }

    /// <summary>The plan that parameters name, or null if it does not fit the device.</summary>
    public static AttentionLayoutPlan? Named(KernelDevice device, AttentionProblem problem, bool isRowwise, TileShape tile)
    {
        if (!isRowwise && BlockwiseTiling.Of(tile.Rows, tile.Columns) is { } tiling && MatrixPlan.Of(device, problem, tiling) is { } matrix)
        {
            return matrix;
        }

        AttentionLayoutPlan? plan = isRowwise ? Rowwise(device)
            : device.Mapping == Mapping.Groups ? BlockwiseGroupsPlan.Of(device.Device, tile)
            : BlockwiseLanesPlan.Of(device, tile);
        return plan is not null && plan.LocalBytes(problem) <= device.Device.LocalBytes ? plan : null;
    }

    /// <summary>The row-wise plan.</summary>
    public static AttentionLayoutPlan Rowwise(KernelDevice device) =>
        device.Mapping == Mapping.Lanes ? new RowwiseLanesPlan(device.Lanes) : new RowwiseGroupsPlan(device.SubGroups);

    /// <summary>The block-wise plan, or null if no tile fits the device.</summary>
    /// <param name="device">The device.</param>
    /// <param name="problem">The problem.</param>
    /// <param name="tiling">Tiling on matrix units, where it fits; null for the one that is expected to be fastest.</param>
    public static AttentionLayoutPlan? Blockwise(KernelDevice device, AttentionProblem problem, BlockwiseTiling? tiling = null)
    {
        if (device.Mapping == Mapping.Groups)
        {
            return tiling is not null && MatrixPlan.Of(device, problem, tiling) is { } wanted ? wanted
                : (AttentionLayoutPlan?)MatrixPlan.Cheapest(device, problem) ?? BlockwiseGroupsPlan.Largest(device.Device, problem);
        }

        var plan = new BlockwiseLanesPlan(LanesTile, device.Lanes);
        return plan.LocalBytes(problem) <= device.Device.LocalBytes ? plan : null;
    }

    private static bool IsSparse(AttentionLayoutPlan blockwise, AttentionProblem problem)
    {
        var mask = BlockMaskBuilder.Build(problem.BindMask(), blockwise.Tile);
        var isSkipping = blockwise is BlockwiseLanesPlan;
        long allowed = 0;
        foreach (var word in mask.Bitmaps)
        {
            allowed += BitOperations.PopCount(word);
        }

        var tilePairs = (long)mask.Tile.Rows * mask.Tile.Columns;
        var part = isSkipping ? LoadedGroups(mask) * Group * mask.Tile.Rows : mask.PartColIdx.Length * tilePairs;
        var full = mask.FullColIdx.Length * tilePairs;
        var pairCost = blockwise switch
        {
            BlockwiseLanesPlan => LanesPairCost,
            MatrixPlan => MatrixPairCost,
            _ => GroupsPairCost,
        };
        return pairCost * (allowed + full) < part + full;
    }

    // Eight keys of a tile are words in a row: they are skipped where all of them are 0.
    private static long LoadedGroups(BlockMask mask)
    {
        var height = mask.Tile.Rows / Group;
        long groups = 0;
        for (var start = 0; start < mask.Bitmaps.Length; start += height)
        {
            groups += mask.Bitmaps.AsSpan(start, height).ContainsAnyExcept(0UL) ? 1 : 0;
        }

        return groups;
    }
}
