using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Stof.Reference.Graphs;

namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// A norm of rows of floats, or of their sums with a bias and a residual. Each step walks along three rows at once: the first is stored, the second,
/// whose mean is known, is summed by squares, the third is summed (and, where it is a sum itself, made). One row after the other would read memory in
/// one pass and write it in another, and leave it idle in the third; so reads and writes are spread evenly over the arithmetic. The sums are those of
/// <see cref="NormRow"/>, in their order.
/// </summary>
internal static unsafe class NormWalk
{
    /// <summary>Rows of the scratch that a walk along sums needs.</summary>
    public const int ScratchRows = 3;

    private const int Lanes = 16;

    /// <summary>Rows ahead of the third that are asked for.</summary>
    private const int RowsAhead = 2;

    /// <summary>Normalises the rows of a block.</summary>
    /// <typeparam name="T">Element type of the output.</typeparam>
    /// <param name="block">Input and residual in F32. With a bias or a residual rows are whole chunks, and the scratch has <see cref="ScratchRows"/>.</param>
    /// <param name="norm">Kind and parameters.</param>
    public static void Run<T>(in RowBlock block, in PinnedNorm norm)
        where T : struct, IElement
    {
        switch (block.Map.Bias is not null, block.Map.Residual is not null)
        {
            case (false, false):
                Run<T, Without, Without>(in block, in norm);
                break;
            case (true, false):
                Run<T, With, Without>(in block, in norm);
                break;
            case (false, true):
                Run<T, Without, With>(in block, in norm);
                break;
            default:
                Run<T, With, With>(in block, in norm);
                break;
        }
    }

    private static void Run<T, TBias, TResidual>(in RowBlock block, in PinnedNorm norm)
        where T : struct, IElement
        where TBias : struct, IPresence
        where TResidual : struct, IPresence
    {
        if (norm.Beta is null)
        {
            Run<T, TBias, TResidual, Without>(in block, in norm);
        }
        else
        {
            Run<T, TBias, TResidual, With>(in block, in norm);
        }
    }

    private static void Run<T, TBias, TResidual, TBeta>(in RowBlock block, in PinnedNorm norm)
        where T : struct, IElement
        where TBias : struct, IPresence
        where TResidual : struct, IPresence
        where TBeta : struct, IPresence
    {
        if (block.Map.End == RowEnd.Streamed)
        {
            Run<T, TBias, TResidual, TBeta, With>(in block, in norm);
        }
        else
        {
            Run<T, TBias, TResidual, TBeta, Without>(in block, in norm);
        }
    }

    private static void Run<T, TBias, TResidual, TBeta, TStreamed>(in RowBlock block, in PinnedNorm norm)
        where T : struct, IElement
        where TBias : struct, IPresence
        where TResidual : struct, IPresence
        where TBeta : struct, IPresence
        where TStreamed : struct, IPresence
    {
        // An RMSNorm has no mean to wait for: it walks along two rows.
        ref readonly var map = ref block.Map;
        var (columns, isLayer) = (map.Columns, norm.Kind == NormKind.Layer);
        var rest = columns % NormRow.Chunk;
        var buffers = stackalloc float[2 * NormRow.Chunk];
        var store = new RowStore { OutputAhead = map.OutputAhead, IsStreamed = TStreamed.IsPresent };
        var row = Row<TBias, TResidual>(in block, 0);
        Make<TBias, TResidual>(in block, 0);
        var statistics = NormRow.Measure(row, columns, in norm, NormRow.Mean(row, columns, in norm, null), null);
        var mean = 0f;
        if (isLayer && map.Rows > 1)
        {
            Make<TBias, TResidual>(in block, 1);
            mean = NormRow.Mean(Row<TBias, TResidual>(in block, 1), columns, in norm, null);
        }

        for (var i = 0; i < map.Rows; i++)
        {
            row = Row<TBias, TResidual>(in block, i);
            var second = Row<TBias, TResidual>(in block, i + 1);
            var output = map.Output + (i * map.OutputStride);
            var made = i + (isLayer ? 2 : 1);
            if (made >= map.Rows)
            {
                NormRow.Apply<T>(row, columns, in norm, statistics, output, map.OutputGroupStride, in store);
                statistics = i + 1 < map.Rows ? NormRow.Measure(second, columns, in norm, mean, null) : statistics;
                continue;
            }

            var third = Row<TBias, TResidual>(in block, made);
            var step = new NormStep
            {
                First = row,
                Second = second,
                Third = third,
                Source = (float*)(map.First + (made * map.InputStride)),
                Residual = TResidual.IsPresent ? (float*)(map.Residual + (made * map.ResidualStride)) : null,
                InputAhead = map.InputAhead == 0 ? 0 : RowsAhead * map.InputStride,
                ResidualAhead = map.InputAhead == 0 ? 0 : RowsAhead * map.ResidualStride,
                Center = mean,
                Statistics = statistics,
                Output = output,
                RestOfSecond = NormRow.Rest(buffers, second, columns, mean),
                RestOfThird = isLayer ? NormRow.Rest(buffers + NormRow.Chunk, third, columns, 0f) : null,
            };
            var (sum, squares) = isLayer
                ? Step<T, TBias, TResidual, TBeta, TStreamed, With>(in step, in map, in norm)
                : Step<T, TBias, TResidual, TBeta, TStreamed, Without>(in step, in map, in norm);
            NormRow.ApplyRest<T, TBeta>(row, columns - rest, rest, statistics, in norm, output, map.OutputGroupStride);
            statistics = NormRow.Statistic(mean, squares, columns, in norm);
            mean = sum / columns;
        }
    }

    /// <summary>Where a row lies: in the input, or where its sum is put.</summary>
    private static float* Row<TBias, TResidual>(in RowBlock block, int row)
        where TBias : struct, IPresence
        where TResidual : struct, IPresence => TBias.IsPresent || TResidual.IsPresent
            ? block.Scratch + (row % block.ScratchRows * block.ScratchStride)
            : (float*)(block.Map.First + (row * block.Map.InputStride));

    /// <summary>Makes a row's sum by itself.</summary>
    private static void Make<TBias, TResidual>(in RowBlock block, int row)
        where TBias : struct, IPresence
        where TResidual : struct, IPresence
    {
        if (!TBias.IsPresent && !TResidual.IsPresent)
        {
            return;
        }

        var source = (float*)(block.Map.First + (row * block.Map.InputStride));
        var residual = TResidual.IsPresent ? (float*)(block.Map.Residual + (row * block.Map.ResidualStride)) : null;
        var target = Row<TBias, TResidual>(in block, row);
        for (var column = 0; column < block.Map.Columns; column += Lanes)
        {
            Load<TBias, TResidual>(source + column, block.Map.Bias + column, residual + column).Store(target + column);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Load<TBias, TResidual>(float* source, float* bias, float* residual)
        where TBias : struct, IPresence
        where TResidual : struct, IPresence
    {
        var value = Vector512.Load(source);
        value = TBias.IsPresent ? value + Vector512.Load(bias) : value;
        return TResidual.IsPresent ? value + Vector512.Load(residual) : value;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (float Sum, float Squares) Step<T, TBias, TResidual, TBeta, TStreamed, TLayer>(
        in NormStep step, in RowMapArguments map, in PinnedNorm norm)
        where T : struct, IElement
        where TBias : struct, IPresence
        where TResidual : struct, IPresence
        where TBeta : struct, IPresence
        where TStreamed : struct, IPresence
        where TLayer : struct, IPresence
    {
        float* first = step.First, second = step.Second, third = step.Third, source = step.Source, residual = step.Residual;
        float* bias = map.Bias, gamma = norm.Gamma, beta = norm.Beta;
        var (inputAhead, residualAhead, output) = (step.InputAhead, step.ResidualAhead, (nint)step.Output);
        var (groupStride, outputAhead) = (map.OutputGroupStride, map.OutputAhead);
        var middle = Vector512.Create(step.Center);
        var mean = Vector512.Create(step.Statistics.Mean);
        var scale = Vector512.Create(step.Statistics.Scale);
        Vector512<float> a = default, b = default, c = default, d = default;
        Vector512<float> e = default, f = default, g = default, h = default;
        for (var chunk = map.Columns / NormRow.Chunk; chunk > 0; chunk--)
        {
            Prefetch.Lines<ElementF32>((byte*)source + inputAhead);
            if (TResidual.IsPresent)
            {
                Prefetch.Lines<ElementF32>((byte*)residual + residualAhead);
            }

            if (!TStreamed.IsPresent)
            {
                Prefetch.Lines<T>((byte*)output + outputAhead);
            }

            if (TLayer.IsPresent || TBias.IsPresent || TResidual.IsPresent)
            {
                var p = Load<TBias, TResidual>(source, bias, residual);
                var q = Load<TBias, TResidual>(source + Lanes, bias + Lanes, residual + Lanes);
                var r = Load<TBias, TResidual>(source + (2 * Lanes), bias + (2 * Lanes), residual + (2 * Lanes));
                var s = Load<TBias, TResidual>(source + (3 * Lanes), bias + (3 * Lanes), residual + (3 * Lanes));
                if (TBias.IsPresent || TResidual.IsPresent)
                {
                    p.Store(third);
                    q.Store(third + Lanes);
                    r.Store(third + (2 * Lanes));
                    s.Store(third + (3 * Lanes));
                    third += NormRow.Chunk;
                }

                if (TLayer.IsPresent)
                {
                    (a, b, c, d) = (a + p, b + q, c + r, d + s);
                }
            }

            // Of an RMSNorm, the row just made.
            e = NormRow.AddSquare(Vector512.Load(second) - middle, e);
            f = NormRow.AddSquare(Vector512.Load(second + Lanes) - middle, f);
            g = NormRow.AddSquare(Vector512.Load(second + (2 * Lanes)) - middle, g);
            h = NormRow.AddSquare(Vector512.Load(second + (3 * Lanes)) - middle, h);
            var x = NormRow.Apply<TBeta>(first, gamma, beta, mean, scale);
            var y = NormRow.Apply<TBeta>(first + Lanes, gamma + Lanes, beta + Lanes, mean, scale);
            T.StorePair<TStreamed>((byte*)output, groupStride, x, y);
            x = NormRow.Apply<TBeta>(first + (2 * Lanes), gamma + (2 * Lanes), beta + (2 * Lanes), mean, scale);
            y = NormRow.Apply<TBeta>(first + (3 * Lanes), gamma + (3 * Lanes), beta + (3 * Lanes), mean, scale);
            T.StorePair<TStreamed>((byte*)output + (2 * groupStride), groupStride, x, y);
            first += NormRow.Chunk;
            second += NormRow.Chunk;
            source += NormRow.Chunk;
            residual += NormRow.Chunk;
            bias += NormRow.Chunk;
            gamma += NormRow.Chunk;
            beta += NormRow.Chunk;
            output += NormRow.Chunk / Lanes * groupStride;
        }

        return (
            TLayer.IsPresent ? NormRow.Add(a, b, c, d, step.RestOfThird) : 0f,
            NormRow.AddSquares(e, f, g, h, step.RestOfSecond, middle));
    }

    /// <summary>The rows of one step.</summary>
    private struct NormStep
    {
        public float* First;
        public float* Second;
        public float* Third;
        public float* Source;
        public float* Residual;
        public nint InputAhead;
        public nint ResidualAhead;
        public float Center;
        public NormRow.Statistics Statistics;
        public byte* Output;
        public float* RestOfSecond;
        public float* RestOfThird;
    }
}
