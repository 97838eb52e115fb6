using Stof.Reference.Formats;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;

namespace Stof.Reference.Verification.Reports;

/// <summary>Walks over all elements once and says where errors are: by class of rows, by tile row, the worst ones.</summary>
internal sealed class ErrorSurvey
{
    private readonly AttentionProblem _problem;
    private readonly AttentionReference _reference;
    private readonly BlockMask _blocks;

    /// <summary>Surveys values in the reference's order.</summary>
    public ErrorSurvey(
        AttentionProblem problem, AttentionReference reference, double[] actual, IReadOnlyList<int>? queries, BlockMask blocks, int worst)
    {
        (_problem, _reference, _blocks) = (problem, reference, blocks);
        var count = queries?.Count ?? problem.QueryLength;
        var slices = problem.Batch * problem.QueryHeads;
        var map = new double[slices * blocks.TileRows];
        Array.Fill(map, double.NaN);
        var classes = new ClassSummary[4];
        for (var c = 0; c < classes.Length; c++)
        {
            classes[c] = new ClassSummary((RowClass)c, 0, 0, 0, 0);
        }

        var found = new PriorityQueue<ElementFinding, double>();
        for (var row = 0; row < reference.Rows; row++)
        {
            var (slice, query) = (row / count, queries?[row % count] ?? (row % count));
            var tileRow = query / blocks.Tile.Rows;
            var rowClass = Classify(slice, tileRow, reference.AllowedKeys[row]);
            var (largest, at, wrong) = Row(row, actual);
            ref var summary = ref classes[(int)rowClass];
            summary = summary with
            {
                Rows = summary.Rows + 1,
                WrongRows = summary.WrongRows + (wrong > 0 ? 1 : 0),
                WrongElements = summary.WrongElements + wrong,
                BudgetUsed = Math.Max(summary.BudgetUsed, largest),
            };
            ref var cell = ref map[(slice * blocks.TileRows) + tileRow];
            cell = double.IsNaN(cell) ? largest : Math.Max(cell, largest);
            if (largest > 0 && (found.Count < worst || largest > found.Peek().Used))
            {
                var element = (row * reference.ValueSize) + at;
                found.Enqueue(
                    new ElementFinding(
                        slice / problem.QueryHeads,
                        slice % problem.QueryHeads,
                        query,
                        at,
                        reference.Output[element],
                        actual[element],
                        AttentionTolerance.Budget(reference, problem.Type, row, at),
                        largest,
                        tileRow,
                        rowClass),
                    largest);
                if (found.Count > worst)
                {
                    found.Dequeue();
                }
            }
        }

        Classes = [.. classes.Where(summary => summary.Rows > 0)];
        Worst = [.. found.UnorderedItems.Select(item => item.Element).OrderByDescending(item => item.Used)];
        Map = new ErrorMap(slices, blocks.TileRows, map);
    }

    /// <summary>By class.</summary>
    public IReadOnlyList<ClassSummary> Classes { get; }

    /// <summary>The worst, worst first.</summary>
    public IReadOnlyList<ElementFinding> Worst { get; }

    /// <summary>By tile row.</summary>
    public ErrorMap Map { get; }

    /// <summary>The class of a row; see <see cref="RowClass"/>.</summary>
    public RowClass Classify(int slice, int tileRow, int allowedKeys)
    {
        if (allowedKeys == 0)
        {
            return RowClass.Empty;
        }

        var row = (_blocks.Slice(slice / _problem.QueryHeads, slice % _problem.QueryHeads) * _blocks.TileRows) + tileRow;
        var (start, end) = (_blocks.LoadRowPtr[row], _blocks.LoadRowPtr[row + 1]);
        var isLastRow = tileRow == _blocks.TileRows - 1 && _problem.QueryLength % _blocks.Tile.Rows != 0;
        var hasLastColumn = _problem.KvLength % _blocks.Tile.Columns != 0
            && end > start && _blocks.LoadColIdx[end - 1] == _blocks.TileColumns - 1;
        return isLastRow || hasLastColumn ? RowClass.Edge
            : _blocks.PartRowPtr[row + 1] > _blocks.PartRowPtr[row] ? RowClass.Part
            : RowClass.Full;
    }

    private (double Largest, int At, int Wrong) Row(int row, double[] actual)
    {
        var (largest, at, wrong) = (0.0, 0, 0);
        for (var d = 0; d < _reference.ValueSize; d++)
        {
            var index = (row * _reference.ValueSize) + d;
            var (expected, got) = (_reference.Output[index], actual[index]);
            var error = Math.Abs(got - expected);
            double used;
            if (error == 0 || got.Equals(expected))
            {
                continue;
            }

            if (double.IsFinite(error))
            {
                used = error / AttentionTolerance.Budget(_reference, _problem.Type, row, d);
            }
            else
            {
                // An overflow that the dtype forces, and NaN where an infinity belongs, are no errors.
                var overflows = double.IsInfinity(got) && Math.Abs(expected) > Ulp.LargestFinite(_problem.Type) && (got > 0) == (expected > 0);
                used = overflows || (!double.IsFinite(expected) && !double.IsFinite(got)) ? 0 : double.PositiveInfinity;
            }

            wrong += used > 1 ? 1 : 0;
            if (used > largest)
            {
                (largest, at) = (used, d);
            }
        }

        return (largest, at, wrong);
    }
}
