using Stof.Reference.Formats;
using Stof.Reference.Operators;

namespace Stof.Reference.OpenCL.Execution.Attention;

/// <summary>A kernel for attention with its tile, and how it is launched.</summary>
internal abstract record AttentionLayoutPlan
{
    private const int MergeItems = 32;

    /// <summary>True if the tensors lie in the buffer of the lists: each buffer makes a launch longer.</summary>
    public bool IsJoined { get; init; }

    /// <summary>Tile of the mask's lists.</summary>
    public abstract TileShape Tile { get; }

    /// <summary>Name of the kernel in its file.</summary>
    public abstract string KernelName { get; }

    /// <summary>Work-groups for each item of work.</summary>
    public abstract int GroupsPerItem { get; }

    /// <summary>Work-items of a group.</summary>
    public abstract int GroupSize { get; }

    /// <summary>Local memory of a group beside what the kernel has of its own; 0 for none.</summary>
    public abstract long LocalBytes(AttentionProblem problem);

    /// <summary>True if the last work-group of a row that is cut merges it; otherwise a second launch does.</summary>
    public virtual bool MergesItself => false;

    /// <summary>Floats of a part's state.</summary>
    public virtual long StateFloats(AttentionProblem problem) => (long)Tile.Rows * (3 + problem.ValueSize);

    /// <summary>The program.</summary>
    public abstract ProgramSpec Program(KernelDevice device, AttentionProblem problem);

    /// <summary>What people read of it.</summary>
    public virtual string Description => $"{KernelName} {Tile}";

    /// <summary>The mask in the kernel's tiles and the work that these make.</summary>
    public virtual (BlockMask Mask, TileWork Work) Lists(KernelDevice device, AttentionProblem problem)
    {
        var mask = BlockMaskBuilder.Build(problem.BindMask(), Tile);
        return (mask, TileWork.Of(problem, mask, longest: 0));
    }

    /// <summary>Adds the bits of part tiles, in the kernel's order.</summary>
    public virtual long AddBits(JoinedLists lists, BlockMask mask) => lists.Add(mask.Bitmaps);

    /// <summary>The program that merges states.</summary>
    public ProgramSpec MergeProgram(KernelDevice device, AttentionProblem problem) => ProgramSpec.Of(
        "attention_merge.cl", device.Numbers(problem.Type) with { Lanes = 1 }, AttentionParameters.Of(problem, IsJoined), new MergeParameters { RowItems = RowItems(device) });

    /// <summary>Work-items that merge a row together.</summary>
    public static int RowItems(KernelDevice device) => device.Mapping == Mapping.Groups ? MergeItems : 1;
}

/// <summary>attention_blockwise_lanes.cl: a work-item does a strip of queries in vectors.</summary>
/// <param name="Tile">Its rows are a multiple of a strip.</param>
/// <param name="Lanes">Floats of a vector.</param>
internal sealed record BlockwiseLanesPlan(TileShape Tile, int Lanes) : AttentionLayoutPlan
{
    private const int MostVectors = 2; // sixteen sums of eight keys by two vectors fit the registers of AVX-512

    /// <inheritdoc/>
    public override TileShape Tile { get; } = Tile;

    /// <inheritdoc/>
    public override string KernelName => "attention_blockwise";

    /// <inheritdoc/>
    public override int GroupsPerItem => Tile.Rows / Strip;

    /// <inheritdoc/>
    public override int GroupSize => 1;

    /// <summary>The plan of a tile, or null if a strip does not divide it.</summary>
    public static BlockwiseLanesPlan? Of(KernelDevice device, TileShape tile) =>
        tile.Rows % device.Lanes == 0 ? new BlockwiseLanesPlan(tile, device.Lanes) : null;

    private int Vectors => Lanes == 16 && Tile.Rows % (MostVectors * Lanes) == 0 ? MostVectors : 1;

    private int Strip => Vectors * Lanes;

    private int VectorsOf(int size) => (size + Lanes - 1) / Lanes;

    /// <inheritdoc/>
    public override long LocalBytes(AttentionProblem problem)
    {
        long sizes = VectorsOf(problem.HeadSize) + VectorsOf(problem.ValueSize);
        return sizeof(float) * Lanes * ((Vectors * ((sizes * Lanes) + Tile.Columns)) + (Tile.Columns * sizes)); // queries, output, scores; keys, values
    }

    /// <inheritdoc/>
    public override ProgramSpec Program(KernelDevice device, AttentionProblem problem) => ProgramSpec.Of(
        "attention_blockwise_lanes.cl", device.Numbers(problem.Type), AttentionParameters.Of(problem, IsJoined), new BlockwiseLanesParameters { Vectors = Vectors });
}

/// <summary>attention_rowwise_lanes.cl: a work-item does one query.</summary>
internal sealed record RowwiseLanesPlan(int Lanes) : AttentionLayoutPlan
{
    /// <inheritdoc/>
    public override TileShape Tile => TileShape.Default;

    /// <inheritdoc/>
    public override string KernelName => "attention_rowwise";

    /// <inheritdoc/>
    public override int GroupsPerItem => TileShape.Default.Rows;

    /// <inheritdoc/>
    public override int GroupSize => 1;

    /// <inheritdoc/>
    public override long LocalBytes(AttentionProblem problem) =>
        sizeof(float) * (long)(Padded(problem.HeadSize) + Padded(problem.ValueSize));

    /// <inheritdoc/>
    public override ProgramSpec Program(KernelDevice device, AttentionProblem problem) =>
        ProgramSpec.Of("attention_rowwise_lanes.cl", device.Numbers(problem.Type), AttentionParameters.Of(problem, IsJoined));

    private int Padded(int size) => (size + Lanes - 1) / Lanes * Lanes;
}
