using System.Numerics;
using Stof.Reference.Cuda.Simulator;
using Stof.Reference.Graphs;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cuda.Templates;

/// <summary>What rows are made of before anything else happens to them.</summary>
public enum RowSource
{
    /// <summary>Rows of the type.</summary>
    Rows,

    /// <summary>Float sums of a product's splits, in its tile's pitch; gated ones in pairs of eight.</summary>
    SplitSums,
}

/// <summary>
/// What a row kernel is built for: y = norm(activation(x + bias) + residual), each part where it is asked for. All of it in floats, one rounding at
/// each store.
/// </summary>
/// <param name="Type">Type of rows in memory: F32, F16 or BF16. Bias, gamma and beta are floats.</param>
/// <param name="Columns">Columns of y.</param>
public sealed record RowChainSpec(DType Type, int Columns)
{
    private const int FloatsPerLane = 32; // more than a few accesses of a lane are in flight, and registers are left
    private const int LargestRow = 64; // floats of a row that a lane holds
    private const int LargestBlock = 32; // warps

    /// <summary>What x is.</summary>
    public RowSource Source { get; init; }

    /// <summary>Splits that x is summed over, in their order.</summary>
    public int Splits { get; init; } = 1;

    /// <summary>Floats between rows of the splits' sums.</summary>
    public int SumPitch { get; init; }

    /// <summary>True if a bias is added to x.</summary>
    public bool HasBias { get; init; }

    /// <summary>What is applied behind the bias; SwiGLU reads twice the columns.</summary>
    public ActivationKind? Activation { get; init; }

    /// <summary>True if rows are added behind the activation.</summary>
    public bool HasResidual { get; init; }

    /// <summary>How the row is normalised last; null for not at all.</summary>
    public NormKind? Norm { get; init; }

    /// <summary>True if the norm adds a shift.</summary>
    public bool HasBeta { get; init; }

    /// <summary>Added to the variance or the mean square.</summary>
    public float Epsilon { get; init; }

    /// <summary>True if what is normalised is stored too.</summary>
    public bool StoresSum { get; init; }

    /// <summary>Warps that share a row.</summary>
    public int WarpsPerRow { get; init; } = WarpsFor(Type, Columns, 1 << 20);

    /// <summary>True if x comes with the gates before the values.</summary>
    internal bool IsGated => Activation == ActivationKind.SwiGlu;

    /// <summary>Elements between rows of y, residual and sum.</summary>
    internal int Pitch => RowPitch.Of(Type, Columns);

    /// <summary>Elements between rows of x.</summary>
    internal int InputPitch => Source == RowSource.SplitSums ? SumPitch : RowPitch.Of(Type, IsGated ? 2 * Columns : Columns);

    /// <summary>Columns that lanes walk: those of the padding too, in whole units, but where values lie behind gates at any place.</summary>
    internal int Walked => IsGated && Source == RowSource.Rows ? Columns : Pitch;

    /// <summary>Rows of a block.</summary>
    public int RowsPerBlock => WarpsPerRow == 1 ? 4 : 1;

    /// <summary>Threads of a block.</summary>
    public int Threads => 32 * WarpsPerRow * RowsPerBlock;

    /// <summary>Blocks of a launch.</summary>
    public Grid Grid(int rows) => new((rows + RowsPerBlock - 1) / RowsPerBlock);

    /// <summary>
    /// Warps that share a row: as many as its length needs, and more where there are so few rows that a device would stand idle.
    /// </summary>
    public static int WarpsFor(DType type, int columns, int rows)
    {
        var needed = (int)BitOperations.RoundUpToPowerOf2((uint)(RowPitch.Of(type, columns) + (32 * FloatsPerLane) - 1) / (32 * FloatsPerLane));
        var useful = (int)BitOperations.RoundUpToPowerOf2((uint)(columns + 255) / 256);
        return Math.Clamp(rows < 512 ? Math.Max(needed, useful) : needed, 1, LargestBlock);
    }

    /// <summary>Longest row that a block holds.</summary>
    public static int LongestRow => 32 * LargestBlock * LargestRow;

    /// <summary>Name of the kernel.</summary>
    public string KernelName =>
        $"rows_{Type}_n{Columns}_w{WarpsPerRow}".ToLowerInvariant()
        + (Source == RowSource.SplitSums ? $"_splits{Splits}_ld{SumPitch}" : "") + (HasBias ? "_bias" : "")
        + (Activation is { } kind ? $"_{kind}".ToLowerInvariant() : "") + (HasResidual ? "_residual" : "")
        + (Norm is { } norm ? $"_{(norm == NormKind.Layer ? "layernorm" : "rmsnorm")}{(HasBeta ? "_beta" : "")}_e{BitConverter.SingleToUInt32Bits(Epsilon):x}" : "")
        + (StoresSum ? "_sum" : "");

    /// <summary>This specification, checked.</summary>
    /// <exception cref="InvalidInputException">Something does not fit; the message names it.</exception>
    public RowChainSpec Validated()
    {
        if (Type is not (DType.F32 or DType.F16 or DType.BF16))
        {
            throw new InvalidInputException("dtype", Type.ToString(), "F32, F16 or BF16");
        }

        Require(Columns >= 1 && Columns <= LongestRow, "columns", $"{Columns}", $"1 to {LongestRow}");
        Require(
            WarpsPerRow is >= 1 and <= LargestBlock && BitOperations.IsPow2(WarpsPerRow) && Pitch <= 32 * WarpsPerRow * LargestRow,
            "warps of a row",
            $"{WarpsPerRow}",
            $"a power of two up to {LargestBlock}, and at most {LargestRow} floats a lane");
        Require(Splits >= 1 && (Source == RowSource.SplitSums || Splits == 1), "splits", $"{Splits}", "1, or sums of splits");
        Require(
            Source == RowSource.Rows || (SumPitch >= (IsGated ? 2 : 1) * Columns && SumPitch % 16 == 0),
            "pitch of sums",
            $"{SumPitch}",
            "whole tiles of a product");
        Require(Norm is not null || !(HasBeta || StoresSum), "norm", "none", "one, for beta and for a stored sum");
        return this;
    }

    private static void Require(bool condition, string argument, string found, string expected)
    {
        if (!condition)
        {
            throw new InvalidInputException(argument, found, expected);
        }
    }
}
