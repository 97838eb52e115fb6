using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Stof.Reference.Graphs;

namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// A norm of rows of floats that nothing else is done to. Each step walks along three rows at once: the first is stored, the second, whose mean is
/// known, is summed by squares, the third is summed. One row after the other would read memory in one pass and write it in another, and leave it
/// idle in the third; so reads and writes are spread evenly over the arithmetic. The sums are those of <see cref="NormRow"/>, in their order.
/// </summary>
internal static unsafe class NormWalk
{
    private const int Lanes = 16;

    /// <summary>Rows ahead of the third that are asked for.</summary>
    private const int RowsAhead = 2;

    /// <summary>Normalises the rows of a block.</summary>
    /// <typeparam name="T">Element type of the output.</typeparam>
    /// <param name="map">Input (F32) and output; nothing between them.</param>
    /// <param name="norm">Kind and parameters.</param>
    public static void Run<T>(in RowMapArguments map, in PinnedNorm norm)
        where T : struct, IElement
    {
        if (norm.Beta is null)
        {
            Run<T, Without>(in map, in norm);
        }
        else
        {
            Run<T, With>(in map, in norm);
        }
    }

    private static void Run<T, TBeta>(in RowMapArguments map, in PinnedNorm norm)
        where T : struct, IElement
        where TBeta : struct, IPresence
    {
        if (map.End == RowEnd.Streamed)
        {
            Run<T, TBeta, With>(in map, in norm);
        }
        else
        {
            Run<T, TBeta, Without>(in map, in norm);
        }
    }

    private static void Run<T, TBeta, TStreamed>(in RowMapArguments map, in PinnedNorm norm)
        where T : struct, IElement
        where TBeta : struct, IPresence
        where TStreamed : struct, IPresence
    {
        // An RMSNorm has no mean to wait for: it walks along two rows.
        var (columns, isLayer) = (map.Columns, norm.Kind == NormKind.Layer);
        var rest = columns % NormRow.Chunk;
        var buffers = stackalloc float[2 * NormRow.Chunk];
        var row = (float*)map.First;
        var stride = map.InputStride / sizeof(float);
        var inputAhead = map.InputAhead == 0 ? 0 : RowsAhead * stride;
        var ahead = new RowAhead { Output = map.OutputAhead, IsStreamed = TStreamed.IsPresent };
        var statistics = NormRow.Measure(row, columns, in norm, NormRow.Mean(row, columns, in norm, null), null);
        var mean = map.Rows > 1 ? NormRow.Mean(row + stride, columns, in norm, null) : 0f;
        for (var i = 0; i < map.Rows; i++)
        {
            float* second = row + stride, third = second + stride;
            var output = map.Output + (i * map.OutputStride);
            if (i + (isLayer ? 2 : 1) >= map.Rows)
            {
                NormRow.Apply<T>(row, columns, in norm, statistics, output, map.OutputGroupStride, in ahead);
                statistics = i + 1 < map.Rows ? NormRow.Measure(second, columns, in norm, mean, null) : statistics;
                row = second;
                continue;
            }

            var (sum, squares) = isLayer
                ? Step<T, TBeta, TStreamed, With>(
                    row, second, third, mean, statistics, in norm, output, in map, inputAhead,
                    NormRow.Rest(buffers, second, columns, mean), NormRow.Rest(buffers + NormRow.Chunk, third, columns, 0f))
                : Step<T, TBeta, TStreamed, Without>(
                    row, second, second, mean, statistics, in norm, output, in map, inputAhead, NormRow.Rest(buffers, second, columns, 0f), null);
            NormRow.ApplyRest<T, TBeta>(row, columns - rest, rest, statistics, in norm, output, map.OutputGroupStride);
            statistics = NormRow.Statistic(mean, squares, columns, in norm);
            mean = sum / columns;
            row = second;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (float Sum, float Squares) Step<T, TBeta, TStreamed, TLayer>(
        float* first,
        float* second,
        float* third,
        float center,
        NormRow.Statistics statistics,
        in PinnedNorm norm,
        byte* output,
        in RowMapArguments map,
        nint inputAhead,
        float* restOfSecond,
        float* restOfThird)
        where T : struct, IElement
        where TBeta : struct, IPresence
        where TStreamed : struct, IPresence
        where TLayer : struct, IPresence
    {
        float* gamma = norm.Gamma, beta = norm.Beta;
        var (groupStride, outputAhead) = (map.OutputGroupStride, map.OutputAhead);
        var middle = Vector512.Create(center);
        var mean = Vector512.Create(statistics.Mean);
        var scale = Vector512.Create(statistics.Scale);
        Vector512<float> a = default, b = default, c = default, d = default;
        Vector512<float> e = default, f = default, g = default, h = default;
        for (var chunk = map.Columns / NormRow.Chunk; chunk > 0; chunk--)
        {
            Prefetch.Lines<ElementF32>((byte*)(third + inputAhead));
            if (!TStreamed.IsPresent)
            {
                Prefetch.Lines<T>(output + outputAhead);
            }

            if (TLayer.IsPresent)
            {
                a += Vector512.Load(third);
                b += Vector512.Load(third + Lanes);
                c += Vector512.Load(third + (2 * Lanes));
                d += Vector512.Load(third + (3 * Lanes));
            }

            e = NormRow.AddSquare(Vector512.Load(second) - middle, e);
            f = NormRow.AddSquare(Vector512.Load(second + Lanes) - middle, f);
            g = NormRow.AddSquare(Vector512.Load(second + (2 * Lanes)) - middle, g);
            h = NormRow.AddSquare(Vector512.Load(second + (3 * Lanes)) - middle, h);
            var x = NormRow.Apply<TBeta>(first, gamma, beta, mean, scale);
            var y = NormRow.Apply<TBeta>(first + Lanes, gamma + Lanes, beta + Lanes, mean, scale);
            T.StorePair<TStreamed>(output, groupStride, x, y);
            x = NormRow.Apply<TBeta>(first + (2 * Lanes), gamma + (2 * Lanes), beta + (2 * Lanes), mean, scale);
            y = NormRow.Apply<TBeta>(first + (3 * Lanes), gamma + (3 * Lanes), beta + (3 * Lanes), mean, scale);
            T.StorePair<TStreamed>(output + (2 * groupStride), groupStride, x, y);
            first += NormRow.Chunk;
            second += NormRow.Chunk;
            third += NormRow.Chunk;
            gamma += NormRow.Chunk;
            beta += NormRow.Chunk;
            output += NormRow.Chunk / Lanes * groupStride;
        }

        return (TLayer.IsPresent ? NormRow.Add(a, b, c, d, restOfThird) : 0f, NormRow.AddSquares(e, f, g, h, restOfSecond, middle));
    }
}
