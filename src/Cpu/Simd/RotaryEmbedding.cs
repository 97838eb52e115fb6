using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// Rotates queries and keys by their position, in pairs (i, i + d/2): (a, b) becomes (a·cos − b·sin, b·cos + a·sin).
/// </summary>
public static unsafe class RotaryEmbedding
{
    private const int Lanes = 16;

    /// <summary>Rotates the query and key parts of joined rows; values are passed on.</summary>
    /// <param name="workspace">Threads.</param>
    /// <param name="x">[rows, (Hq + 2·Hkv)·d]: queries, keys, values.</param>
    /// <param name="table">Angles; d is its head size.</param>
    /// <param name="queryHeads">Hq.</param>
    /// <param name="keyHeads">Hkv.</param>
    /// <param name="positions">Position of every row.</param>
    /// <param name="y">Shape and dtype of <paramref name="x"/>; may be it.</param>
    /// <exception cref="InvalidInputException">A shape, dtype or position does not fit.</exception>
    public static void Run(
        KernelWorkspace workspace, MatrixView x, RotaryTable table, int queryHeads, int keyHeads, int[] positions, MatrixView y)
    {
        ArgumentNullException.ThrowIfNull(workspace);
        ArgumentNullException.ThrowIfNull(table);
        ArgumentNullException.ThrowIfNull(positions);
        x.Require(nameof(x), x.Rows, (queryHeads + (2 * keyHeads)) * table.HeadSize);
        y.Require(nameof(y), x.Rows, x.Columns);
        y.RequireType(nameof(y), x.Type);
        if (positions.Length != x.Rows)
        {
            throw new InvalidInputException(nameof(positions), $"{positions.Length} values", $"{x.Rows}, one per row");
        }

        foreach (var position in positions)
        {
            if ((uint)position >= (uint)table.Positions)
            {
                throw new InvalidInputException(nameof(positions), $"{position}", $"0 to {table.Positions - 1}");
            }
        }

        var rowsPerTask = RowKernel.RowsPerTask(x.Rows, x.Columns * x.Type.Size(), workspace.Pool.Threads);

        // Streamed lines must be whole: half a head of 32 elements is one in 16 bits.
        var end = table.HeadSize % (4 * Lanes) == 0
            ? RowKernel.End(in y, x.Rows * x.StrideBytes, x.Address == y.Address)
            : RowEnd.Stored;
        var job = new Job(x, y, table, queryHeads + keyHeads, positions, end, rowsPerTask);
        workspace.Pool.Run(RowKernel.Tasks(x.Rows, rowsPerTask), job);
        GC.KeepAlive(table);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rotate<T, TStreamed>(byte* source, byte* target, int heads, int half, float* cosines, float* sines)
        where T : struct, IElement
        where TStreamed : struct, IPresence
    {
        const int Pair = 2 * Lanes;
        var distance = half * T.Size;
        var whole = half / Pair * Pair;
        for (var head = 0; head < heads; head++)
        {
            for (var i = 0; i < whole; i += Pair)
            {
                var low = source + (i * T.Size);
                var high = low + distance;
                Prefetch.HalfLines<T>(low + Prefetch.Distance);
                Prefetch.HalfLines<T>(high + Prefetch.Distance);
                var (a, b) = Rotate(T.Load(low), T.Load(high), Vector512.Load(cosines + i), Vector512.Load(sines + i));
                var (c, d) = Rotate(
                    T.Load(low + (Lanes * T.Size)),
                    T.Load(high + (Lanes * T.Size)),
                    Vector512.Load(cosines + i + Lanes),
                    Vector512.Load(sines + i + Lanes));
                low = target + (i * T.Size);
                high = low + distance;
                if (!TStreamed.IsPresent)
                {
                    Prefetch.HalfLines<T>(low + Prefetch.Distance);
                    Prefetch.HalfLines<T>(high + Prefetch.Distance);
                }

                T.StorePair<TStreamed>(low, Lanes * T.Size, a, c);
                T.StorePair<TStreamed>(high, Lanes * T.Size, b, d);
            }

            for (var i = whole; i < half; i += Lanes)
            {
                var count = Math.Min(Lanes, half - i);
                var low = i * T.Size;
                var (a, b) = Rotate(
                    PartialElements.Load<T>(source + low, count),
                    PartialElements.Load<T>(source + distance + low, count),
                    PartialElements.Load<ElementF32>((byte*)(cosines + i), count),
                    PartialElements.Load<ElementF32>((byte*)(sines + i), count));
                PartialElements.Store<T>(target + low, a, count);
                PartialElements.Store<T>(target + distance + low, b, count);
            }

            source += 2 * distance;
            target += 2 * distance;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<float> A, Vector512<float> B) Rotate(
        Vector512<float> a, Vector512<float> b, Vector512<float> cosine, Vector512<float> sine) =>
        (Vector512.FusedMultiplyAdd(a, cosine, -(b * sine)), Vector512.FusedMultiplyAdd(b, cosine, a * sine));

    private readonly struct Job(MatrixView x, MatrixView y, RotaryTable table, int heads, int[] positions, RowEnd rowEnd, int rowsPerTask)
        : IParallelBody
    {
        public void Execute(int task, int worker)
        {
            var start = task * rowsPerTask;
            var end = Math.Min(start + rowsPerTask, x.Rows);
            var half = table.HeadSize / 2;
            var rotated = (nint)heads * table.HeadSize * x.Type.Size();
            var rest = ((nint)x.Columns * x.Type.Size()) - rotated;
            for (var row = start; row < end; row++)
            {
                var source = (byte*)x.Address + (row * x.StrideBytes);
                var target = (byte*)y.Address + (row * y.StrideBytes);
                var cosines = table.Cosines(positions[row]);
                var sines = table.Sines(positions[row]);
                switch (x.Type)
                {
                    case DType.F16:
                        Rotate<ElementF16>(source, target, half, cosines, sines);
                        break;
                    case DType.BF16:
                        Rotate<ElementBF16>(source, target, half, cosines, sines);
                        break;
                    default:
                        Rotate<ElementF32>(source, target, half, cosines, sines);
                        break;
                }

                if (source != target)
                {
                    RowCopy.Run(source + rotated, target + rotated, rest, Prefetch.Distance, rowEnd);
                }
            }

            RowKernel.Finish(rowEnd);
        }

        private void Rotate<T>(byte* source, byte* target, int half, float* cosines, float* sines)
            where T : struct, IElement
        {
            if (rowEnd == RowEnd.Streamed)
            {
                Rotate<T, With>(source, target, heads, half, cosines, sines);
            }
            else
            {
                Rotate<T, Without>(source, target, heads, half, cosines, sines);
            }
        }
    }
}
