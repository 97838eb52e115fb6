using Stof.Reference.Cpu.Threading;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cpu.Simd;

/// <summary>One table of an <see cref="EmbeddingGather"/> and the row that every output row takes from it.</summary>
/// <param name="Table">[entries, columns].</param>
/// <param name="Rows">Index of a table row, one per output row.</param>
public readonly record struct EmbeddingLookup(MatrixView Table, int[] Rows);

/// <summary>y_r = Σ_t table_t[rows_t[r]]: word, position and type embeddings, summed in float and rounded once.</summary>
public static unsafe class EmbeddingGather
{
    private const int MaximumTables = 3;
    private const int RowsAhead = 2; // a row of 16-bit elements passes faster than memory answers

    /// <summary>Gathers and sums.</summary>
    /// <param name="workspace">Threads and scratch.</param>
    /// <param name="y">Output [rows, columns].</param>
    /// <param name="lookups">One to three tables, each of any of the three dtypes; added in this order.</param>
    /// <exception cref="InvalidInputException">A shape does not fit, or an index is outside its table.</exception>
    public static void Run(KernelWorkspace workspace, MatrixView y, params ReadOnlySpan<EmbeddingLookup> lookups)
    {
        ArgumentNullException.ThrowIfNull(workspace);
        if (lookups.Length is < 1 or > MaximumTables)
        {
            throw new InvalidInputException(nameof(lookups), $"{lookups.Length} tables", $"1 to {MaximumTables}");
        }

        foreach (var lookup in lookups)
        {
            Check(lookup, y);
        }

        var first = lookups[0];
        var second = lookups.Length > 1 ? lookups[1] : default;
        var third = lookups.Length > 2 ? lookups[2] : default;
        var secondType = second.Table.IsPresent ? second.Table.Type : DType.F32;
        var thirdType = third.Table.IsPresent ? third.Table.Type : DType.F32;

        // Two tables are an input and a residual. A third passes as the bias between them if the second table is F32; else the
        // first two are summed in scratch.
        var isOnePass = !third.Table.IsPresent || secondType == DType.F32;
        var residualType = third.Table.IsPresent && isOnePass ? thirdType : secondType;
        var pair = RowMap.Select(first.Table.Type, residualType, isOnePass ? y.Type : DType.F32, Activation.None);
        var last = RowMap.Select(DType.F32, thirdType, y.Type, Activation.None);
        var rowsPerTask = RowKernel.RowsPerTask(y.Rows, y.Columns * y.Type.Size(), workspace.Pool.Threads);
        var end = RowKernel.End(in y, (long)y.Rows * y.Columns * first.Table.Type.Size(), overwrites: false);
        var job = new Job(workspace, y, first, second, third, isOnePass, pair, last, end, rowsPerTask);
        workspace.Pool.Run(RowKernel.Tasks(y.Rows, rowsPerTask), job);
    }

    private static void Check(EmbeddingLookup lookup, MatrixView y)
    {
        lookup.Table.Require(nameof(lookup.Table), lookup.Table.Rows, y.Columns);
        if (lookup.Rows.Length != y.Rows)
        {
            throw new InvalidInputException(nameof(lookup.Rows), $"{lookup.Rows.Length} indices", $"{y.Rows}, one per row");
        }

        foreach (var row in lookup.Rows)
        {
            if ((uint)row >= (uint)lookup.Table.Rows)
            {
                throw new InvalidInputException(nameof(lookup.Rows), $"{row}", $"0 to {lookup.Table.Rows - 1}");
            }
        }
    }

    private readonly struct Job(
        KernelWorkspace workspace,
        MatrixView y,
        EmbeddingLookup first,
        EmbeddingLookup second,
        EmbeddingLookup third,
        bool isOnePass,
        delegate*<in RowMapArguments, void> pair,
        delegate*<in RowMapArguments, void> last,
        RowEnd rowEnd,
        int rowsPerTask) : IParallelBody
    {
        public void Execute(int task, int worker)
        {
            var start = task * rowsPerTask;
            var end = Math.Min(start + rowsPerTask, y.Rows);
            if (!second.Table.IsPresent && first.Table.Type == y.Type)
            {
                Copy(start, end);
            }
            else
            {
                Sum(start, end, worker);
            }

            RowKernel.Finish(rowEnd);
        }

        private void Copy(int start, int end)
        {
            for (var row = start; row < end; row++)
            {
                var source = At(first, row);
                var ahead = (nint)(At(first, Math.Min(row + RowsAhead, y.Rows - 1)) - source);
                RowCopy.Run(source, (byte*)y.Address + (row * y.StrideBytes), (nint)y.Columns * y.Type.Size(), ahead, rowEnd);
            }
        }

        private void Sum(int start, int end, int worker)
        {
            var sum = isOnePass ? null : workspace.Rent(worker, KernelWorkspace.Room.Row, y.Columns);
            var hasBias = isOnePass && third.Table.IsPresent;
            var residual = hasBias ? third : second;
            for (var row = start; row < end; row++)
            {
                var target = (byte*)y.Address + (row * y.StrideBytes);
                var next = Math.Min(row + RowsAhead, y.Rows - 1);
                var arguments = new RowMapArguments
                {
                    First = At(first, row),
                    InputAhead = (nint)(At(first, next) - At(first, row)),
                    Bias = hasBias ? (float*)At(second, row) : null,
                    Residual = residual.Table.IsPresent ? At(residual, row) : null,
                    ResidualAhead = residual.Table.IsPresent ? (nint)(At(residual, next) - At(residual, row)) : 0,
                    Output = isOnePass ? target : (byte*)sum,
                    OutputGroupStride = 16 * (isOnePass ? y.Type.Size() : sizeof(float)),
                    OutputAhead = isOnePass ? Prefetch.Distance : 0,
                    End = isOnePass ? rowEnd : RowEnd.Stored,
                    Rows = 1,
                    Columns = y.Columns,
                };
                pair(in arguments);
                if (!isOnePass)
                {
                    arguments.First = (byte*)sum;
                    arguments.InputAhead = 0;
                    arguments.Residual = At(third, row);
                    arguments.ResidualAhead = (nint)(At(third, next) - At(third, row));
                    arguments.Output = target;
                    arguments.OutputGroupStride = 16 * y.Type.Size();
                    arguments.OutputAhead = Prefetch.Distance;
                    arguments.End = rowEnd;
                    last(in arguments);
                }
            }
        }

        private static byte* At(in EmbeddingLookup lookup, int row) =>
            (byte*)lookup.Table.Address + (lookup.Rows[row] * lookup.Table.StrideBytes);
    }
}
