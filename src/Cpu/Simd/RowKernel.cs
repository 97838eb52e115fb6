using System.Runtime.Intrinsics.X86;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// The driver of the memory-bound operators: checks the operands, cuts the rows into tasks that fit a cache, and sends each
/// through a <see cref="RowPipeline"/>.
/// </summary>
internal static unsafe class RowKernel
{
    private const int ScratchRows = NormWalk.ScratchRows;
    private const int TaskBytes = 64 * 1024; // amortises handing out a task, and leaves enough of them to share ...
    private const int LeastTaskBytes = 8 * 1024; // ... unless there are few rows for many workers

    /// <summary>y = norm(activation(x + bias) + residual), every part optional.</summary>
    public static void Run(
        KernelWorkspace workspace,
        MatrixView x,
        MatrixView y,
        float[]? bias = null,
        Activation activation = Activation.None,
        MatrixView residual = default,
        RowNorm? norm = null,
        MatrixView preNorm = default)
    {
        ArgumentNullException.ThrowIfNull(workspace);
        var gated = activation == Activation.SwiGlu;
        y.Require(nameof(y), x.Rows, gated ? x.Columns / 2 : x.Columns);
        if (gated && x.Columns % 2 != 0)
        {
            throw new InvalidInputException(nameof(x), x.ToString(), "an even number of columns");
        }

        if (bias is not null && bias.Length != x.Columns)
        {
            throw new InvalidInputException(nameof(bias), $"{bias.Length} values", $"{x.Columns}");
        }

        RequireLikeOutput(nameof(residual), residual, y);
        RequireLikeOutput(nameof(preNorm), preNorm, y);
        norm?.Require(nameof(norm), y.Columns);
        using var pinnedNorm = new PinnedNorm(norm);
        using var pinnedBias = bias.AsMemory().Pin();
        var pipeline = new RowPipeline(x.Type, y.Type, y.Type, activation, pinnedNorm);
        var rowsPerTask = RowsPerTask(x.Rows, x.Columns * x.Type.Size(), workspace.Pool.Threads);
        var operandBytes = (x.Rows * x.StrideBytes) + (residual.IsPresent ? residual.Rows * residual.StrideBytes : 0);
        var end = End(in y, operandBytes, Overlaps(in y, in x) || Overlaps(in y, in residual));
        var job = new Job(workspace, x, y, (float*)pinnedBias.Pointer, residual, preNorm, pipeline, norm is not null, end, rowsPerTask);
        workspace.Pool.Run(Tasks(x.Rows, rowsPerTask), job);
    }

    /// <summary>Rows of a number of bytes that one task takes.</summary>
    public static int RowsPerTask(int rows, int rowBytes, int threads)
    {
        var most = Math.Max(1, TaskBytes / Math.Max(1, rowBytes));
        var least = Math.Max(1, LeastTaskBytes / Math.Max(1, rowBytes));
        return Math.Clamp(Tasks(rows, threads), least, most);
    }

    /// <summary>Number of tasks.</summary>
    public static int Tasks(int rows, int rowsPerTask) => (rows + rowsPerTask - 1) / rowsPerTask;

    /// <summary>
    /// How the rows of an operator are best stored: past the caches if its operands do not fit the last level, for the next operator
    /// would not find them there; then an overwritten line need not be read first. Never where the output overwrites an operand,
    /// whose lines are in the caches anyway, nor where rows do not start at line boundaries.
    /// </summary>
    /// <param name="y">Output.</param>
    /// <param name="operandBytes">Bytes that the operator reads.</param>
    /// <param name="overwrites">True if the output may be one of the operands.</param>
    public static RowEnd End(in MatrixView y, long operandBytes, bool overwrites)
    {
        var isLarge = operandBytes + ((long)y.Rows * y.StrideBytes) > CacheSizes.OfThisMachine.LastLevel;
        var isAligned = y.Address % Prefetch.LineBytes == 0 && y.StrideBytes % Prefetch.LineBytes == 0;
        return isLarge && isAligned && !overwrites ? RowEnd.Streamed : RowEnd.Stored;
    }

    /// <summary>Orders streamed rows before whatever tells other threads that they are there.</summary>
    public static void Finish(RowEnd end)
    {
        if (end == RowEnd.Streamed && Sse.IsSupported)
        {
            Sse.StoreFence();
        }
    }

    private static bool Overlaps(in MatrixView y, in MatrixView operand) => operand.IsPresent
        && y.Address < operand.Address + (operand.Rows * operand.StrideBytes)
        && operand.Address < y.Address + (y.Rows * y.StrideBytes);

    private static void RequireLikeOutput(string name, MatrixView view, MatrixView y)
    {
        if (view.IsPresent)
        {
            view.Require(name, y.Rows, y.Columns);
            view.RequireType(name, y.Type);
        }
    }

    private readonly struct Job(
        KernelWorkspace workspace,
        MatrixView x,
        MatrixView y,
        float* bias,
        MatrixView residual,
        MatrixView preNorm,
        RowPipeline pipeline,
        bool hasNorm,
        RowEnd end,
        int rowsPerTask) : IParallelBody
    {
        public void Execute(int task, int worker)
        {
            var start = task * rowsPerTask;
            var first = At(x, start);
            var scratchStride = (long)(y.Columns + 15) / 16 * 16;
            var block = new RowBlock
            {
                Map = new RowMapArguments
                {
                    First = first,
                    Second = first + ((nint)y.Columns * x.Type.Size()),
                    InputStride = x.StrideBytes,
                    Bias = bias,
                    SecondBias = bias is null ? null : bias + y.Columns,
                    Residual = residual.IsPresent ? At(residual, start) : null,
                    ResidualStride = residual.IsPresent ? residual.StrideBytes : 0,
                    Output = At(y, start),
                    OutputStride = y.StrideBytes,
                    OutputGroupStride = 16 * y.Type.Size(),
                    Rows = Math.Min(rowsPerTask, x.Rows - start),
                    Columns = y.Columns,
                    InputAhead = Prefetch.Distance,
                    ResidualAhead = Prefetch.Distance,
                    OutputAhead = Prefetch.Distance,
                    End = end,
                },
                PreNorm = preNorm.IsPresent ? At(preNorm, start) : null,
                PreNormStride = preNorm.IsPresent ? preNorm.StrideBytes : 0,
                Scratch = hasNorm ? workspace.Rent(worker, KernelWorkspace.Room.Row, ScratchRows * scratchStride) : null,
                ScratchStride = (nint)scratchStride,
                ScratchRows = ScratchRows, // in the first-level cache
            };
            pipeline.Run(in block);
            Finish(end);
        }

        private static byte* At(in MatrixView view, int row) => (byte*)view.Address + (row * view.StrideBytes);
    }
}
