using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Graphs;

namespace Stof.Reference.Cuda.Templates;

/// <summary>
/// Mean and variance (or mean square) of rows that lie in registers, spread over the lanes of four, over warps along the columns, and over the blocks of a
/// cluster. Each warp takes the mean of its part of a row, and the squares of what is left behind that mean, so that nothing cancels; parts are put together in
/// their order, so that all blocks get the same bits.
/// Source: Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances" (1979), formula 2.1.
/// </summary>
/// <param name="b">The kernel.</param>
/// <param name="spec">What it is built for.</param>
/// <param name="shared">Where parts are exchanged; null where a warp holds whole rows.</param>
/// <param name="thread">The thread in its block.</param>
/// <param name="warpRow">The warp's place along the rows.</param>
/// <param name="warpColumn">The warp's place along the columns.</param>
/// <param name="firstColumn">First column of the block.</param>
internal sealed class RowMoments(
    KernelBuilder b, GemmSpec spec, SharedPointer? shared, B32 thread, B32 warpRow, B32 warpColumn, B32 firstColumn)
{
    private const int QuadLanes = 4;
    private const int RowStep = 8; // rows between two of a lane

    private bool IsCentred => spec.Norm == NormKind.Layer;

    // A mean and squares; squares alone where there is no mean.
    private int PartBytes => (IsCentred ? 2 : 1) * sizeof(float);

    private bool IsWhole => spec.Columns % spec.Tile.Columns == 0;

    private int Parts => spec.Tile.WarpColumns;

    /// <summary>Shared memory for parts of rows; 0 where a warp holds whole rows.</summary>
    public static int SharedBytes(GemmSpec spec)
    {
        var slots = spec.ClusterBlocks > 1 ? spec.Tile.WarpColumns + 1 : spec.Tile.WarpColumns > 1 ? spec.Tile.WarpColumns : 0;
        return slots * spec.Tile.Rows * 2 * sizeof(float);
    }

    /// <summary>Takes the moments of a warp's rows; all warps of the block, and of the cluster, come here together.</summary>
    /// <param name="rows">Elements of a lane: its row l / 4 of the warp's tile, then every eighth.</param>
    /// <param name="columns">Columns of those elements, counted from the lane's first.</param>
    /// <param name="laneColumn">The lane's first column of C.</param>
    /// <returns>For each row what <see cref="Apply"/> takes.</returns>
    public (F32? Shift, F32 Factor)[] Of(F32[][] rows, int[] columns, B32 laneColumn)
    {
        Pred?[] inside = [.. columns.Select(column => IsWhole ? (Pred?)null : b.CompareU32(Comparison.Less, b.Add(laneColumn, column), spec.Columns))];
        var own = Parts == 1 ? BlockCount : CountOf(warpColumn);
        var reciprocal = own.Known is { } known ? 1f / known : b.Rcp(b.Max(own.Value, 1f));
        var parts = rows.Select(row => Part(row, inside, reciprocal)).ToArray();
        if (shared is not { } slots)
        {
            return [.. parts.Select(Final)];
        }

        StoreParts(slots, parts);
        var finals = spec.ClusterBlocks == 1 || Parts > 1 ? slots : Slot(slots, 1);
        if (Parts > 1)
        {
            b.Barrier();
            ForEachRow(row => StorePart(
                At(spec.ClusterBlocks == 1 ? finals : Slot(slots, Parts), row),
                Together(
                    [.. Enumerable.Range(0, Parts).Select(part => (CountOf(B32.Constant(part), part), LoadPart(At(Slot(slots, part), row))))],
                    BlockCount,
                    isLast: spec.ClusterBlocks == 1)));
        }

        if (spec.ClusterBlocks > 1)
        {
            b.ClusterBarrier();
            var exchanged = Parts > 1 ? Slot(slots, Parts) : slots;
            ForEachRow(row => StorePart(
                At(finals, row),
                Together(
                    [.. Enumerable.Range(0, spec.ClusterBlocks).Select(rank => (RankCount(rank), LoadPart(b.InBlock(At(exchanged, row), rank))))],
                    Known(spec.Columns),
                    isLast: true)));
            b.ClusterArrive(); // this block has read
        }

        b.Barrier();
        var first = At(finals, RowOf());
        return [.. Enumerable.Range(0, rows.Length).Select(row => LoadPart(first + (row * RowStep * PartBytes)))];
    }

    /// <summary>An element normalised: (value − mean) / deviation · gamma + beta in two steps.</summary>
    public F32 Apply((F32? Shift, F32 Factor) row, F32 value, F32 gamma, F32? beta)
    {
        var scaled = row.Shift is { } shift ? b.Fma(value, row.Factor, shift) : b.Mul(value, row.Factor);
        return beta is { } added ? b.Fma(scaled, gamma, added) : b.Mul(scaled, gamma);
    }

    /// <summary>Before the block ends: its memory is there until all others of the cluster have read it.</summary>
    public void Finish()
    {
        if (spec.ClusterBlocks > 1)
        {
            b.ClusterWait();
        }
    }

    private Count BlockCount => IsWhole ? Known(spec.Tile.Columns)
        : spec.ClusterBlocks == 1 ? Known(spec.Columns)
        : Clamped(firstColumn, spec.Tile.Columns);

    private B32 RowOf() => b.Mad(warpRow, spec.Tile.WarpTileRows, b.ShrU32(b.And(thread, 31), 2));

    private SharedPointer Slot(SharedPointer slots, int slot) => slots + (slot * spec.Tile.Rows * PartBytes);

    private SharedPointer At(SharedPointer slot, B32 row) => new(b.Mad(row, PartBytes, slot.Base), slot.Offset);

    private Count RankCount(int rank) => Known(Math.Min(spec.Tile.Columns, spec.Columns - (rank * spec.Tile.Columns)));

    // Columns of C that a warp's part of the block's rows has.
    private Count CountOf(B32 part, int? known = null)
    {
        var width = spec.Tile.WarpTileColumns;
        return IsWhole ? Known(width)
            : known is { } number && spec.ClusterBlocks == 1 ? Known(Math.Clamp(spec.Columns - (number * width), 0, width))
            : Clamped(b.Mad(part, width, firstColumn), width);
    }

    private static Count Known(int count) => new(count, count);

    private Count Clamped(B32 first, int most) => new(null, b.ConvertU32ToF32(b.MinS32(b.MaxS32(b.Sub(spec.Columns, first), 0), most)));

    private (F32? Mean, F32 Squares) Part(F32[] row, Pred?[] inside, F32 reciprocal)
    {
        F32 Held(F32 value, int i) => inside[i] is { } there ? b.Select(there, value, 0f) : value;
        if (!IsCentred)
        {
            return (null, OfQuad(SumOfSquares(row.Select(Held))));
        }

        var mean = b.Mul(OfQuad(Sum(row.Select(Held))), reciprocal);
        return (mean, OfQuad(SumOfSquares(row.Select((value, i) => Held(b.Sub(value, mean), i)))));
    }

    private F32 Square(F32 value) => b.Mul(value, value);

    private F32 Sum(IEnumerable<F32> values) => values.Aggregate((total, value) => b.Add(total, value));

    private F32 SumOfSquares(IEnumerable<F32> values) =>
        values.Aggregate((F32?)null, (total, value) => total is { } so ? b.Fma(value, value, so) : Square(value))!.Value;

    private F32 OfQuad(F32 value)
    {
        for (var distance = QuadLanes / 2; distance > 0; distance /= 2)
        {
            value = b.Add(value, b.ShuffleXor(value, distance));
        }

        return value;
    }

    private void StoreParts(SharedPointer slots, (F32? Mean, F32 Squares)[] parts)
    {
        var first = At(slots, b.Mad(warpColumn, spec.Tile.Rows, RowOf()));
        using (b.When(b.CompareU32(Comparison.Equal, b.And(thread, QuadLanes - 1), 0)))
        {
            for (var row = 0; row < parts.Length; row++)
            {
                StorePart(first + (row * RowStep * PartBytes), parts[row]);
            }
        }
    }

    private void ForEachRow(Action<B32> action)
    {
        var threads = spec.Tile.Threads;
        for (var first = 0; first < spec.Tile.Rows; first += threads)
        {
            var row = first == 0 ? thread : b.Add(thread, first);
            if (first + threads <= spec.Tile.Rows)
            {
                action(row);
            }
            else
            {
                b.If(b.CompareU32(Comparison.Less, row, spec.Tile.Rows), () => action(row));
            }
        }
    }

    // Moments of a row from those of its parts; behind the last step what rows are normalised by.
    private (F32? Mean, F32 Squares) Together((Count Count, (F32? Mean, F32 Squares) Part)[] parts, Count total, bool isLast)
    {
        var squares = Sum(parts.Select(part => part.Part.Squares));
        F32? mean = null;
        if (IsCentred)
        {
            var reciprocal = total.Known is null ? b.Rcp(total.Value) : (F32?)null;
            foreach (var (count, part) in parts)
            {
                var share = reciprocal is { } inverse ? b.Mul(count.Value, inverse) : (float)count.Known!.Value / total.Known!.Value;
                mean = mean is { } so ? b.Fma(part.Mean!.Value, share, so) : b.Mul(part.Mean!.Value, share);
            }

            foreach (var (count, part) in parts)
            {
                squares = b.Fma(Square(b.Sub(part.Mean!.Value, mean!.Value)), count.Value, squares);
            }
        }

        return isLast ? Final((mean, squares)) : (mean, squares);
    }

    // One over the deviation, and the mean in its units below zero.
    private (F32? Shift, F32 Factor) Final((F32? Mean, F32 Squares) row)
    {
        var factor = b.Rcp(b.Sqrt(b.Fma(row.Squares, 1f / spec.Columns, spec.NormEpsilon)));
        return (row.Mean is { } mean ? b.Mul(b.Neg(mean), factor) : null, factor);
    }

    private void StorePart(SharedPointer at, (F32? Mean, F32 Squares) part)
    {
        if (part.Mean is { } mean)
        {
            b.StoreSharedVector<F32>(at, [mean, part.Squares]);
        }
        else
        {
            b.StoreShared(at, part.Squares);
        }
    }

    private (F32? Mean, F32 Squares) LoadPart(SharedPointer at) =>
        IsCentred ? Pair(b.LoadSharedVector<F32>(at, 2)) : (null, b.LoadShared<F32>(at));

    private (F32? Mean, F32 Squares) LoadPart(ClusterPointer at) =>
        IsCentred ? Pair(b.LoadClusterVector<F32>(at, 2)) : (null, b.LoadCluster<F32>(at));

    private static (F32? Mean, F32 Squares) Pair(F32[] pair) => (pair[0], pair[1]);

    /// <summary>Columns of a part.</summary>
    /// <param name="Known">Their number where the kernel knows it when it is written.</param>
    /// <param name="Value">The same as a register or a constant.</param>
    private readonly record struct Count(int? Known, F32 Value);
}
