using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Formats;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>The two attention kernels of STOF.</summary>
public enum AttentionAlgorithm
{
    /// <summary>Tiles of queries by keys with an online softmax.</summary>
    Blockwise,

    /// <summary>One query row at a time, gathering only the keys it may attend to: very sparse masks, short sequences.</summary>
    Rowwise,
}

/// <summary>Which kernel computes a problem, and in which tiles.</summary>
/// <param name="Algorithm">The kernel.</param>
/// <param name="Tile">
/// Tile of the mask's storage; for the row-wise kernel its columns are the size of a K/V panel and nothing is padded to it.
/// </param>
public sealed record AttentionChoice(AttentionAlgorithm Algorithm, TileShape Tile)
{
    /// <summary>Block-wise on 64×64 tiles.</summary>
    public static AttentionChoice Default { get; } = new(AttentionAlgorithm.Blockwise, TileShape.Default);

    /// <summary>Renders as <c>blockwise 64x64</c>.</summary>
    public override string ToString() => $"{(Algorithm == AttentionAlgorithm.Blockwise ? "blockwise" : "rowwise")} {Tile}";
}

/// <summary>
/// Attention of one problem on the CPU, prepared once and run many times: F32, F16 or BF16 in and out, float in between,
/// weights kept in float (the contract's exception for kernels without matrix units). The bits of the result depend on the
/// problem, the choice and the inputs; not on the number of threads, nor on the width of the registers. What a masked key or
/// value holds never matters, NaN and infinities included; what an attended one holds shows.
/// </summary>
public sealed class AttentionKernel
{
    private readonly IAttentionExecutor _executor;

    /// <summary>Builds the mask's storage for the choice and plans the work.</summary>
    /// <param name="problem">Shapes and options.</param>
    /// <param name="choice">Kernel and tile.</param>
    /// <param name="workspace">Scratch to share with other kernels; null for one of its own.</param>
    /// <exception cref="InvalidInputException">The problem or the tile is out of range, or the dtype is F64.</exception>
    public AttentionKernel(AttentionProblem problem, AttentionChoice choice, AttentionWorkspace? workspace = null)
        : this(
            Checked(problem),
            BlockMaskBuilder.Build(problem.BindMask(), CheckedTile(choice)),
            choice.Algorithm,
            workspace)
    {
    }

    /// <summary>Plans the work on storage that exists already.</summary>
    /// <param name="problem">Shapes and options; its mask is not evaluated again.</param>
    /// <param name="mask">The problem's bound mask in two-level storage.</param>
    /// <param name="algorithm">The kernel.</param>
    /// <param name="workspace">Scratch to share with other kernels; null for one of its own.</param>
    /// <exception cref="InvalidInputException">The problem is out of range, or the mask is not of its extent.</exception>
    public AttentionKernel(
        AttentionProblem problem, BlockMask mask, AttentionAlgorithm algorithm, AttentionWorkspace? workspace = null)
    {
        Problem = Checked(problem);
        ArgumentNullException.ThrowIfNull(mask);
        if (mask.Extent != problem.Extent)
        {
            throw new InvalidInputException(nameof(mask), mask.Extent.ToString(), problem.Extent.ToString());
        }

        Mask = mask;
        Choice = new AttentionChoice(algorithm, mask.Tile);
        workspace ??= new AttentionWorkspace();
        _executor =
            Avx512F.IsSupported ? Executor<Lanes512, Vector512<float>>(workspace)
            : Vector256.IsHardwareAccelerated ? Executor<Lanes256, Vector256<float>>(workspace)
            : Executor<Lanes128, Vector128<float>>(workspace);
    }

    /// <summary>The problem.</summary>
    public AttentionProblem Problem { get; }

    /// <summary>The mask as the kernel reads it.</summary>
    public BlockMask Mask { get; }

    /// <summary>Kernel and tile.</summary>
    public AttentionChoice Choice { get; }

    /// <summary>Computes the attention. Not re-entrant.</summary>
    /// <param name="operands">What to read and write.</param>
    /// <param name="pool">The workers.</param>
    /// <exception cref="InvalidInputException">An operand does not fit the problem.</exception>
    public void Run(in AttentionOperands operands, WorkerPool pool)
    {
        ArgumentNullException.ThrowIfNull(pool);
        operands.Require(Problem);
        _executor.Run(operands, pool);
    }

    /// <summary>
    /// What a number of workers lose because tasks are whole: the time of the last one over the average, where a task takes as long as
    /// it has tiles (or pairs, row-wise).
    /// </summary>
    /// <param name="workers">Number of workers, 1 or more.</param>
    /// <exception cref="InvalidInputException">The number is below 1.</exception>
    public double Imbalance(int workers) => workers < 1
        ? throw new InvalidInputException(nameof(workers), $"{workers}", "1 or more")
        : _executor.Imbalance(workers);

    private static AttentionProblem Checked(AttentionProblem problem)
    {
        ArgumentNullException.ThrowIfNull(problem);
        return problem.Type == DType.F64
            ? throw new InvalidInputException(nameof(problem.Type), "F64", "F32, F16 or BF16; double precision is the oracle's")
            : problem.Validated();
    }

    private static TileShape CheckedTile(AttentionChoice choice)
    {
        ArgumentNullException.ThrowIfNull(choice);
        return choice.Tile.Validated();
    }

    private IAttentionExecutor Executor<TLanes, TVector>(AttentionWorkspace workspace)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct =>
        Choice.Algorithm == AttentionAlgorithm.Blockwise
            ? new BlockwiseAttention<TLanes, TVector>(Problem, Mask, workspace)
            : new RowwiseAttention<TLanes, TVector>(Problem, Mask, workspace);
}

/// <summary>A planned kernel for one register width.</summary>
internal interface IAttentionExecutor
{
    /// <summary>Computes; operands have been checked.</summary>
    void Run(in AttentionOperands operands, WorkerPool pool);

    /// <summary>Time of the last worker over the average, by counting.</summary>
    double Imbalance(int workers);
}
