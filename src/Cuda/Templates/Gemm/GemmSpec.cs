using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Graphs;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cuda.Templates;

/// <summary>
/// What a product kernel is built for: C = epilogue(A·Wᵀ), A [rows, <paramref name="Depth"/>], W [<paramref name="Columns"/>, depth] as
/// <see cref="PackedWeight"/> lays it out. Shapes are part of the code, so that addresses are constants; the number of rows comes with the launch.
/// </summary>
/// <param name="Type">F16 or BF16 (tensor cores), or F32 (fused multiply-adds, no TF32). Sums are floats.</param>
/// <param name="Columns">N, columns of the product.</param>
/// <param name="Depth">K.</param>
/// <param name="Tile">How it is cut.</param>
public sealed record GemmSpec(DType Type, int Columns, int Depth, GemmTile Tile)
{
    /// <summary>Rows of a group of tiles that walks the columns together: its rows of A and a column of B stay in the second-level cache.</summary>
    public const int GroupedTileRows = 8;

    /// <summary>True if a bias is added to each row.</summary>
    public bool HasBias { get; init; }

    /// <summary>What is applied behind the bias; SwiGLU takes pairs of eight columns and halves the width.</summary>
    public ActivationKind? Activation { get; init; }

    /// <summary>True if a tensor of C's shape is added last.</summary>
    public bool HasResidual { get; init; }

    /// <summary>True if float sums are stored for <see cref="RowChain"/>, which then has the epilogue.</summary>
    public bool StoresSums { get; init; }

    /// <summary>Ranges of the depth that blocks take apart, if sums are stored.</summary>
    public int Splits { get; init; } = 1;

    /// <summary>How rows of A are normalised on the way in; null for not at all. They then stay in shared memory as a whole.</summary>
    public NormKind? Prologue { get; init; }

    /// <summary>True if the normalisation of A adds a shift.</summary>
    public bool PrologueHasBeta { get; init; }

    /// <summary>Added to the variance or the mean square of A's rows.</summary>
    public float PrologueEpsilon { get; init; }

    /// <summary>
    /// How rows of C are normalised last, behind the residual; null for not at all. The block, or a cluster of blocks along the columns, then owns whole rows.
    /// </summary>
    public NormKind? Norm { get; init; }

    /// <summary>True if that normalisation adds a shift.</summary>
    public bool NormHasBeta { get; init; }

    /// <summary>Added to the variance or the mean square of C's rows.</summary>
    public float NormEpsilon { get; init; }

    /// <summary>True if what is normalised is stored too.</summary>
    public bool KeepsSum { get; init; }

    /// <summary>True if the launch's rows are a multiple of the tile's: nothing then looks at the last row.</summary>
    public bool HasWholeRows { get; init; }

    /// <summary>True if the launch has several products of one shape, a given distance apart.</summary>
    public bool IsBatched { get; init; }

    /// <summary>Elements between rows of A.</summary>
    public int InputPitch { get; init; } = RowPitch.Of(Type, Depth);

    /// <summary>Columns of C.</summary>
    public int OutputColumns => Activation == ActivationKind.SwiGlu ? Columns / 2 : Columns;

    /// <summary>Elements between rows of C and of the residual.</summary>
    public int OutputPitch => RowPitch.Of(Type, OutputColumns);

    /// <summary>Elements between rows of the float sums of a split.</summary>
    public int SumPitch => TileColumns * Tile.Columns;

    /// <summary>Bytes of one stage of the ring: A's rows, unless they are all there, then W's.</summary>
    internal int StageBytes => (OffsetOfB + (Tile.Columns * Tile.DepthBytes));

    /// <summary>Where W's rows lie in a stage.</summary>
    internal int OffsetOfB => Prologue is null ? Tile.Rows * Tile.DepthBytes : 0;

    /// <summary>Bytes of a step of A that is all there.</summary>
    internal int ResidentStepBytes => Tile.Rows * Tile.DepthBytes;

    /// <summary>Bytes of A's rows if they are all there.</summary>
    internal int ResidentBytes => Prologue is null ? 0 : Steps * ResidentStepBytes;

    /// <summary>Bytes of the ring, or of the tile of C that is put in order in its place.</summary>
    internal int RingBytes => Math.Max(Tile.Stages * StageBytes, Type == DType.F32 ? 0 : Tile.Rows * Tile.Columns * Type.Size());

    /// <summary>Shared memory of a block.</summary>
    public int SharedBytes => RingBytes + ResidentBytes + BlockPlace.Bytes + MomentBytes;

    /// <summary>Bytes for what warps and blocks tell each other about rows of C; they follow the place, at a multiple of sixteen.</summary>
    internal int MomentBytes => Norm is not null && RowMoments.SharedBytes(this) is > 0 and var bytes ? bytes + BlockPlace.Bytes : 0;

    /// <summary>Tiles along the columns.</summary>
    public int TileColumns => (Columns + Tile.Columns - 1) / Tile.Columns;

    /// <summary>Blocks that hold a row of C together; 1 where nobody asks for whole rows.</summary>
    public int ClusterBlocks => Norm is null ? 1 : TileColumns;

    /// <summary>Steps of the whole depth.</summary>
    public int Steps => (Depth + Tile.Depth(Type) - 1) / Tile.Depth(Type);

    /// <summary>Steps of a block.</summary>
    public int StepsPerSplit => Steps / Splits;

    /// <summary>This specification, checked for a target.</summary>
    /// <exception cref="InvalidInputException">Something does not fit; the message names it.</exception>
    public GemmSpec Validated(Target target)
    {
        if (Type is not (DType.F32 or DType.F16 or DType.BF16))
        {
            throw new InvalidInputException("dtype", Type.ToString(), "F32, F16 or BF16");
        }

        Require(Columns >= 1 && Depth >= 1, "shape", $"{Columns} columns, depth {Depth}", "1 or more");
        if (Tile.Check(Type, target) is { } refusal)
        {
            throw new InvalidInputException("tile", refusal.Reason, "one that fits");
        }

        Require(InputPitch >= Depth && InputPitch * Type.Size() % RowPitch.Bytes == 0, "input pitch", $"{InputPitch}", $"at least {Depth}, rows {RowPitch.Bytes} bytes aligned");
        Require(Splits >= 1 && Steps % Splits == 0, "splits", $"{Splits}", $"a divisor of the {Steps} steps of the depth");
        Require(Splits == 1 || StoresSums, "splits", $"{Splits}", "1, or float sums stored");
        Require(!StoresSums || !(HasBias || HasResidual || Activation is not null), "epilogue", "one, and float sums stored", "one or the other");
        Require(
            Prologue is null || (Splits == 1 && Tile.DepthBytes == PrologueDepthBytes && !IsBatched),
            "norm prologue",
            $"{Tile}, {Splits} splits",
            $"one split of one product, steps of {PrologueDepthBytes} bytes");
        Require(
            Prologue is null || Steps * Tile.Depth(Type) <= LongestNormalisedRow,
            "norm prologue",
            $"depth {Depth}",
            $"at most {LongestNormalisedRow}, which a warp holds");
        Require(TileColumns * Tile.Columns <= PackedWeight.Rows(Columns), "tile", $"{Tile}, {Columns} columns", $"tiles within the weight's {PackedWeight.Rows(Columns)} rows");
        Require(Norm is not null || !(NormHasBeta || KeepsSum), "norm", "none", "one, for beta and for a stored sum");
        Require(
            Norm is null || !(StoresSums || IsBatched || Prologue is not null || Activation == ActivationKind.SwiGlu),
            "norm",
            "a split, a batch, a norm prologue or SwiGLU",
            "none of them beside a norm");
        Require(Norm is null || HoldsRows(Type, Tile, Columns, target), "norm", $"{TileColumns} blocks of {Tile} a row", $"at most {MostBlocksPerRow(target)} on {target.Name}");
        Require(SharedBytes <= target.SharedBytes, "shared memory", $"{SharedBytes:N0} bytes", $"at most {target.SharedBytes:N0} on {target.Name}");
        Require(
            Activation != ActivationKind.SwiGlu || (Columns % (2 * GatedWidth) == 0 && Tile.WarpTileColumns % (4 * GatedWidth) == 0),
            "columns",
            $"{Columns}, {Tile.WarpTileColumns} a warp, for SwiGLU",
            $"multiples of {2 * GatedWidth} and {4 * GatedWidth}: gates and values in turn, sixteen bytes a lane");
        return this;
    }

    /// <summary>
    /// True if a block of a tile, or a cluster of them, holds whole rows of a product: with few enough blocks, and registers beside its sums for what a norm reads.
    /// </summary>
    public static bool HoldsRows(DType type, GemmTile tile, int columns, Target target)
    {
        ArgumentNullException.ThrowIfNull(tile);
        ArgumentNullException.ThrowIfNull(target);
        return (type != DType.F32 || tile.Sums <= MostFloatSums) && (columns + tile.Columns - 1) / tile.Columns <= MostBlocksPerRow(target);
    }

    private const int MostFloatSums = 32; // of a thread; with 64 some epilogues that normalise spill

    private static int MostBlocksPerRow(Target target) => target.Has(ClusterInstructions.Requires) ? ClusterInstructions.MostBlocks : 1;

    /// <summary>Bytes of a step where rows of A are normalised: eight lanes then read all banks.</summary>
    public const int PrologueDepthBytes = 128;

    /// <summary>Longest row of A that is normalised on the way in.</summary>
    public const int LongestNormalisedRow = 2048;

    /// <summary>Columns of gates before as many columns of values.</summary>
    public const int GatedWidth = 8;

    /// <summary>Name of the kernel.</summary>
    public string KernelName =>
        $"gemm_{Type}_n{Columns}_k{Depth}_{Tile}".Replace('-', 'w').ToLowerInvariant()
        + (InputPitch == RowPitch.Of(Type, Depth) ? "" : $"_lda{InputPitch}")
        + (Prologue is { } norm ? $"_{(norm == NormKind.Layer ? "layernorm" : "rmsnorm")}{(PrologueHasBeta ? "_beta" : "")}_e{BitConverter.SingleToUInt32Bits(PrologueEpsilon):x}" : "")
        + (HasBias ? "_bias" : "") + (Activation is { } kind ? $"_{kind}".ToLowerInvariant() : "") + (HasResidual ? "_residual" : "")
        + (Norm is { } last ? $"_to_{(last == NormKind.Layer ? "layernorm" : "rmsnorm")}{(NormHasBeta ? "_beta" : "")}_e{BitConverter.SingleToUInt32Bits(NormEpsilon):x}{(KeepsSum ? "_sum" : "")}" : "")
        + (StoresSums ? $"_sums{Splits}" : "") + (HasWholeRows ? "_whole" : "") + (IsBatched ? "_batched" : "");

    private static void Require(bool condition, string argument, string found, string expected)
    {
        if (!condition)
        {
            throw new InvalidInputException(argument, found, expected);
        }
    }
}

/// <summary>Rows of matrices on a device start at multiples of sixteen bytes, the widest access.</summary>
public static class RowPitch
{
    /// <summary>The widest access.</summary>
    public const int Bytes = 16;

    /// <summary>Elements between rows of a width.</summary>
    public static int Of(DType type, int width)
    {
        var elements = Bytes / type.Size();
        return (width + elements - 1) / elements * elements;
    }
}
