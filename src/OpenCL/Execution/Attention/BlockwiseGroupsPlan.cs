using System.Numerics;
using Stof.Reference.Formats;
using Stof.Reference.Operators;

namespace Stof.Reference.OpenCL.Execution.Attention;

/// <summary>Parameters of attention_blockwise_groups.cl.</summary>
public sealed record BlockwiseGroupsParameters
{
    /// <summary>Queries of a tile.</summary>
    public int TileQ { get; init; } = 64;

    /// <summary>Keys of a tile.</summary>
    public int TileK { get; init; } = 32;

    /// <summary>Work-items of a group, divided by 16.</summary>
    public int GroupY { get; init; } = 16;

    /// <summary>Columns of O that a work-item holds: Dv/16, rounded up to a power of two, for each size is a program of its own.</summary>
    public int Values { get; init; } = 4;
}

/// <summary>attention_blockwise_groups.cl: a work-group does a tile row.</summary>
/// <param name="Tile">16, 32 or 64 queries by 16, 32 or 64 keys.</param>
/// <param name="GroupY">Work-items of a group, divided by 16; divides the queries.</param>
internal sealed record BlockwiseGroupsPlan(TileShape Tile, int GroupY) : AttentionLayoutPlan
{
    private const int GroupX = 16;
    private const int GroupsPerUnit = 4;

    /// <inheritdoc/>
    public override TileShape Tile { get; } = Tile;

    /// <inheritdoc/>
    public override string KernelName => "attention_blockwise";

    /// <inheritdoc/>
    public override int GroupsPerItem => 1;

    /// <inheritdoc/>
    public override int GroupSize => GroupX * GroupY;

    /// <summary>
    /// The largest tile that fits a device, or null if none does. Queries are worth more than keys: they are loaded once.
    /// </summary>
    public static BlockwiseGroupsPlan? Largest(OpenClDevice device, AttentionProblem problem)
    {
        foreach (var (rows, columns) in new[] { (64, 32), (32, 32), (32, 16), (16, 16) })
        {
            if (Of(device, new TileShape(rows, columns)) is { } plan && plan.LocalBytes(problem) <= device.LocalBytes)
            {
                return plan;
            }
        }

        return null;
    }

    /// <summary>The plan of a tile, or null if it cannot be cut among work-items.</summary>
    public static BlockwiseGroupsPlan? Of(OpenClDevice device, TileShape tile) => tile.Rows % GroupX == 0 && tile.Columns % GroupX == 0
        ? new BlockwiseGroupsPlan(tile, (int)Math.Min(GroupX, BitOperations.RoundUpToPowerOf2((uint)(device.MaxWorkGroup / GroupX) + 1) / 2))
        : null;

    /// <inheritdoc/>
    public override long LocalBytes(AttentionProblem problem)
    {
        var (head, value) = (problem.HeadSize, GroupX * ValuesOf(problem));
        return sizeof(float) * (long)(
            (Tile.Rows * (head + 1))
            + (Tile.Columns * (Math.Max(head, value) + 1))
            + (Tile.Rows * (Tile.Columns + 1))
            + (3 * Tile.Rows * (GroupX + 1)));
    }

    /// <inheritdoc/>
    public override (BlockMask Mask, TileWork Work) Lists(KernelDevice device, AttentionProblem problem)
    {
        var mask = BlockMaskBuilder.Build(problem.BindMask(), Tile);
        return (mask, TileWork.Of(problem, mask, TileWork.ShareOf(problem, mask, (long)device.Device.ComputeUnits * GroupsPerUnit), device.CacheBytes));
    }

    /// <inheritdoc/>
    public override ProgramSpec Program(KernelDevice device, AttentionProblem problem) => ProgramSpec.Of(
        "attention_blockwise_groups.cl",
        device.Numbers(problem.Type),
        AttentionParameters.Of(problem, IsJoined),
        new BlockwiseGroupsParameters { TileQ = Tile.Rows, TileK = Tile.Columns, GroupY = GroupY, Values = ValuesOf(problem) });

    private static int ValuesOf(AttentionProblem problem) => (int)BitOperations.RoundUpToPowerOf2((uint)(problem.ValueSize + GroupX - 1) / GroupX);
}
