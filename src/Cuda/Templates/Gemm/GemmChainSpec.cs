using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Fusion;
using Stof.Reference.Graphs;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cuda.Templates;

/// <summary>
/// What a chain of two products is built for: Y = norm(activation(X·W1ᵀ + b1)·W2ᵀ + b2 + residual), each part where it is asked for, X [rows, <paramref name="Depth"/>], the middle
/// [rows, <paramref name="Middle"/>] never stored. A block holds its rows of X and its sums of Y as a whole, so both are narrow.
/// </summary>
/// <param name="Type">F16 or BF16.</param>
/// <param name="Depth">Columns of X.</param>
/// <param name="Middle">Columns between the products.</param>
/// <param name="Columns">Columns of Y.</param>
/// <param name="Warps">Warps of a block, sixteen rows each: 4 or 8.</param>
public sealed record GemmChainSpec(DType Type, int Depth, int Middle, int Columns, int Warps)
{
    /// <summary>Columns of the middle that are made and used at a time: one step of the second product.</summary>
    internal const int Chunk = 64;

    private const int StepBytes = 128;
    private const int Stages = 2;
    private const int WidestOutput = 256; // its sums are half of a thread's registers
    private const int WidestNormalisedOutput = 192; // a norm reads residual, factor and shift of all of them

    /// <summary>Function between the products; SwiGLU has no such chain.</summary>
    public ActivationKind Activation { get; init; }

    /// <summary>True if the first product has a bias.</summary>
    public bool HasFirstBias { get; init; }

    /// <summary>True if the second product has a bias.</summary>
    public bool HasBias { get; init; }

    /// <summary>True if rows are added last.</summary>
    public bool HasResidual { get; init; }

    /// <summary>True if the launch's rows are a multiple of the block's.</summary>
    public bool HasWholeRows { get; init; }

    /// <summary>How rows of X are normalised on the way in; null for not at all.</summary>
    public NormKind? Prologue { get; init; }

    /// <summary>True if the normalisation adds a shift.</summary>
    public bool PrologueHasBeta { get; init; }

    /// <summary>Added to the variance or the mean square.</summary>
    public float PrologueEpsilon { get; init; }

    /// <summary>How rows of Y are normalised last; null for not at all. A warp holds whole rows. Not beside a prologue.</summary>
    public NormKind? Norm { get; init; }

    /// <summary>True if that normalisation adds a shift.</summary>
    public bool NormHasBeta { get; init; }

    /// <summary>Added to the variance or the mean square of Y's rows.</summary>
    public float NormEpsilon { get; init; }

    /// <summary>True if what is normalised is stored too.</summary>
    public bool KeepsSum { get; init; }

    /// <summary>Rows of a block.</summary>
    public int Rows => Warps * MmaShape.Rows;

    /// <summary>Chunks of the middle.</summary>
    internal int Chunks => (Middle + Chunk - 1) / Chunk;

    /// <summary>The first product of a chunk. Its rows of X are all there, normalised or not, and a prologue is how a product says so.</summary>
    internal GemmSpec First => new(Type, Chunk, Depth, new GemmTile(Rows, Chunk, StepBytes, Stages, Warps, 1))
    {
        Prologue = Prologue ?? NormKind.Layer,
        PrologueHasBeta = PrologueHasBeta,
        PrologueEpsilon = PrologueEpsilon,
    };

    /// <summary>The second product, whose epilogue is the chain's.</summary>
    internal GemmSpec Second => new(Type, Columns, Middle, new GemmTile(Rows, PaddedColumns, StepBytes, Stages, Warps, 1))
    {
        HasBias = HasBias,
        HasResidual = HasResidual,
        HasWholeRows = HasWholeRows,
        Norm = Norm,
        NormHasBeta = NormHasBeta,
        NormEpsilon = NormEpsilon,
        KeepsSum = KeepsSum,
    };

    /// <summary>Columns of Y in whole pairs of the matrix unit's.</summary>
    internal int PaddedColumns => (Columns + (2 * MmaShape.Columns) - 1) / (2 * MmaShape.Columns) * 2 * MmaShape.Columns;

    /// <summary>Bytes of a chunk of W1: all steps of its depth.</summary>
    internal int FirstStageBytes => First.Steps * Chunk * StepBytes;

    /// <summary>Bytes of a chunk of W2.</summary>
    internal int SecondStageBytes => PaddedColumns * StepBytes;

    /// <summary>Shared memory of a block: rows of X, two chunks of both weights; the rows of Y are put in order where the chunks were.</summary>
    public int SharedBytes => First.ResidentBytes + Math.Max(Stages * (FirstStageBytes + SecondStageBytes), Rows * PaddedColumns * 2);

    /// <summary>Name of the kernel.</summary>
    public string KernelName =>
        $"gemm_chain_{Type}_k{Depth}_f{Middle}_n{Columns}_w{Warps}_{Activation}".ToLowerInvariant()
        + (Prologue is { } norm ? $"_{(norm == NormKind.Layer ? "layernorm" : "rmsnorm")}{(PrologueHasBeta ? "_beta" : "")}_e{BitConverter.SingleToUInt32Bits(PrologueEpsilon):x}" : "")
        + (Norm is { } last ? $"_to_{(last == NormKind.Layer ? "layernorm" : "rmsnorm")}{(NormHasBeta ? "_beta" : "")}_e{BitConverter.SingleToUInt32Bits(NormEpsilon):x}{(KeepsSum ? "_sum" : "")}" : "")
        + (HasFirstBias ? "_bias1" : "") + (HasBias ? "_bias2" : "") + (HasResidual ? "_residual" : "") + (HasWholeRows ? "_whole" : "");

    /// <summary>Null if the chain fits a target, or why not.</summary>
    public Refusal? Check(Target target)
    {
        ArgumentNullException.ThrowIfNull(target);
        if (Type is not (DType.F16 or DType.BF16))
        {
            return new Refusal("chain-dtype", $"{Type}: chains run on tensor cores, in F16 and BF16");
        }

        if (Activation == ActivationKind.SwiGlu)
        {
            return new Refusal("chain-gated", "a gated middle has no chain: gates and values would be twice a chunk");
        }

        if (Prologue is not null && Norm is not null)
        {
            return new Refusal("chain-norms", "a chain normalises its rows on the way in or on the way out, not both");
        }

        if (Norm is null && (NormHasBeta || KeepsSum))
        {
            return new Refusal("chain-norms", "a shift or a stored sum without a norm");
        }

        if (Depth < 1 || Middle < 1 || Columns is < 1 or > WidestOutput || Depth > GemmSpec.LongestNormalisedRow || Warps is not (4 or 8))
        {
            return new Refusal("chain-width", $"{Depth} to {Columns} columns, {Warps} warps: a block holds up to {WidestOutput} columns of the result, and 4 or 8 warps");
        }

        if (Norm is not null && Columns > WidestNormalisedOutput)
        {
            return new Refusal("chain-width", $"{Columns} columns: a block that normalises its rows holds up to {WidestNormalisedOutput}");
        }

        return SharedBytes > target.SharedBytes
            ? new Refusal("shared-memory", $"rows of {Depth} and two chunks of both weights take {SharedBytes:N0} bytes of shared memory, {target.Name} has {target.SharedBytes:N0}")
            : null;
    }
}
