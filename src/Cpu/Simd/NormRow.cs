using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Stof.Reference.Graphs;

namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// Statistics and application of a norm on one row of floats that lies in cache. Sums run in sixty-four virtual lanes, four
/// registers of sixteen that do not wait for each other, and end in one tree: the same additions in the same order on every
/// vector width.
/// </summary>
internal static unsafe class NormRow
{
    private const int Lanes = 16;

    /// <summary>Virtual lanes of the sums.</summary>
    public const int Chunk = 4 * Lanes;

    /// <summary>One row's statistics: y = (x − Mean) · Scale · gamma + beta.</summary>
    public readonly record struct Statistics(float Mean, float Scale);

    /// <summary>Adds sixteen lanes: i and i + 8, then i and i + 4, i and i + 2, i and i + 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float ReduceAdd(Vector512<float> value)
    {
        var eight = value.GetLower() + value.GetUpper();
        var four = eight.GetLower() + eight.GetUpper();
        var two = four + Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1));
        return two.GetElement(0) + two.GetElement(1);
    }

    /// <summary>Normalises one row and stores it.</summary>
    /// <inheritdoc cref="Apply{T}(float*, int, in PinnedNorm, Statistics, byte*, nint, in RowStore)"/>
    public static void Apply<T>(float* row, int columns, in PinnedNorm norm, byte* output, nint groupStride)
        where T : struct, IElement
    {
        var mean = Mean(row, columns, in norm, null);
        Apply<T>(row, columns, in norm, Measure(row, columns, in norm, mean, null), output, groupStride, default);
    }

    /// <summary>Stores the row with its statistics applied.</summary>
    /// <typeparam name="T">Element type of the output.</typeparam>
    /// <param name="row">The row, in float.</param>
    /// <param name="columns">Number of columns.</param>
    /// <param name="norm">Kind and parameters.</param>
    /// <param name="statistics">Of the row.</param>
    /// <param name="output">First output element; the output may be <paramref name="row"/>.</param>
    /// <param name="groupStride">Bytes from one group of sixteen outputs to the next.</param>
    /// <param name="store">What to ask for meanwhile, and how to store.</param>
    public static void Apply<T>(
        float* row, int columns, in PinnedNorm norm, Statistics statistics, byte* output, nint groupStride, in RowStore store)
        where T : struct, IElement
    {
        var groups = columns / Lanes;
        var tail = columns % Lanes;
        if (norm.Beta is null)
        {
            ApplyGroups<T, Without>(row, groups, statistics, norm.Gamma, null, output, groupStride, in store);
        }
        else
        {
            ApplyGroups<T, With>(row, groups, statistics, norm.Gamma, norm.Beta, output, groupStride, in store);
        }

        if (tail != 0)
        {
            ApplyTail<T>(row, groups, tail, statistics, in norm, output + (groups * groupStride));
        }
    }

    /// <summary>The mean, for a LayerNorm; 0 for an RMSNorm.</summary>
    /// <param name="row">The row, in float.</param>
    /// <param name="columns">Number of columns.</param>
    /// <param name="norm">Kind and parameters.</param>
    /// <param name="sums">What a <see cref="RowMap"/> has summed over the row's whole chunks; null for nothing yet.</param>
    public static float Mean(float* row, int columns, in PinnedNorm norm, float* sums)
    {
        if (norm.Kind != NormKind.Layer)
        {
            return 0;
        }

        var rest = stackalloc float[Chunk];
        var end = Rest(rest, row, columns, 0f);
        return (sums is null ? Sum(row, columns / Chunk, end) : Add(sums, end)) / columns;
    }

    /// <summary>The mean and the reciprocal deviation (LayerNorm), or 0 and the reciprocal root mean square (RMSNorm).</summary>
    /// <param name="row">The row, in float.</param>
    /// <param name="columns">Number of columns.</param>
    /// <param name="norm">Kind and parameters.</param>
    /// <param name="mean">What <see cref="Mean"/> gave.</param>
    /// <param name="sums">For an RMSNorm, the squares that a <see cref="RowMap"/> has summed; null for nothing yet.</param>
    public static Statistics Measure(float* row, int columns, in PinnedNorm norm, float mean, float* sums)
    {
        // Beyond the row stands the mean: its deviation adds nothing.
        var rest = stackalloc float[Chunk];
        var end = Rest(rest, row, columns, mean);
        float squares;
        if (norm.Kind == NormKind.Layer)
        {
            squares = SumOfSquares(row, columns / Chunk, end, mean);
        }
        else
        {
            squares = sums is null ? SumOfSquares(row, columns / Chunk, end, 0) : AddSquares(sums, end);
        }

        return Statistic(mean, squares, columns, in norm);
    }

    /// <summary>A row's statistics from its mean and the sum of its squares.</summary>
    public static Statistics Statistic(float mean, float squares, int columns, in PinnedNorm norm) =>
        new(mean, 1f / MathF.Sqrt((squares / columns) + norm.Epsilon));

    /// <summary>A row's last few values followed by a filler, as long as a whole chunk; null if there are none.</summary>
    public static float* Rest(float* buffer, float* row, int columns, float filler)
    {
        var count = columns % Chunk;
        if (count == 0)
        {
            return null;
        }

        new Span<float>(row + (columns - count), count).CopyTo(new Span<float>(buffer, count));
        new Span<float>(buffer + count, Chunk - count).Fill(filler);
        return buffer;
    }

    // The loops below call nothing: a call would make the compiler keep their registers in memory.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Sum(float* row, int chunks, float* rest)
    {
        Vector512<float> a = default, b = default, c = default, d = default;
        for (var chunk = 0; chunk < chunks; chunk++)
        {
            a += Vector512.Load(row);
            b += Vector512.Load(row + Lanes);
            c += Vector512.Load(row + (2 * Lanes));
            d += Vector512.Load(row + (3 * Lanes));
            row += Chunk;
        }

        return Add(a, b, c, d, rest);
    }

    /// <summary>Σ (x − center)².</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float SumOfSquares(float* row, int chunks, float* rest, float center)
    {
        var middle = Vector512.Create(center);
        Vector512<float> a = default, b = default, c = default, d = default;
        for (var chunk = 0; chunk < chunks; chunk++)
        {
            a = AddSquare(Vector512.Load(row) - middle, a);
            b = AddSquare(Vector512.Load(row + Lanes) - middle, b);
            c = AddSquare(Vector512.Load(row + (2 * Lanes)) - middle, c);
            d = AddSquare(Vector512.Load(row + (3 * Lanes)) - middle, d);
            row += Chunk;
        }

        return AddSquares(a, b, c, d, rest, middle);
    }

    private static float Add(float* sums, float* rest) => Add(
        Vector512.Load(sums), Vector512.Load(sums + Lanes), Vector512.Load(sums + (2 * Lanes)), Vector512.Load(sums + (3 * Lanes)), rest);

    private static float AddSquares(float* sums, float* rest) => AddSquares(
        Vector512.Load(sums),
        Vector512.Load(sums + Lanes),
        Vector512.Load(sums + (2 * Lanes)),
        Vector512.Load(sums + (3 * Lanes)),
        rest,
        Vector512<float>.Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Add(Vector512<float> a, Vector512<float> b, Vector512<float> c, Vector512<float> d, float* rest)
    {
        if (rest is not null)
        {
            a += Vector512.Load(rest);
            b += Vector512.Load(rest + Lanes);
            c += Vector512.Load(rest + (2 * Lanes));
            d += Vector512.Load(rest + (3 * Lanes));
        }

        return ReduceAdd((a + b) + (c + d));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float AddSquares(
        Vector512<float> a, Vector512<float> b, Vector512<float> c, Vector512<float> d, float* rest, Vector512<float> middle)
    {
        if (rest is not null)
        {
            a = AddSquare(Vector512.Load(rest) - middle, a);
            b = AddSquare(Vector512.Load(rest + Lanes) - middle, b);
            c = AddSquare(Vector512.Load(rest + (2 * Lanes)) - middle, c);
            d = AddSquare(Vector512.Load(rest + (3 * Lanes)) - middle, d);
        }

        return ReduceAdd((a + b) + (c + d));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> AddSquare(Vector512<float> value, Vector512<float> sum) =>
        Vector512.FusedMultiplyAdd(value, value, sum);

    private static void ApplyGroups<T, TBeta>(
        float* row, int groups, Statistics statistics, float* gamma, float* beta, byte* output, nint groupStride, in RowStore store)
        where T : struct, IElement
        where TBeta : struct, IPresence
    {
        if (store.IsStreamed)
        {
            ApplyGroups<T, TBeta, With>(row, groups, statistics, gamma, beta, output, groupStride, 0);
        }
        else
        {
            ApplyGroups<T, TBeta, Without>(row, groups, statistics, gamma, beta, output, groupStride, store.OutputAhead);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ApplyGroups<T, TBeta, TStreamed>(
        float* row, int groups, Statistics statistics, float* gamma, float* beta, byte* output, nint groupStride, nint outputAhead)
        where T : struct, IElement
        where TBeta : struct, IPresence
        where TStreamed : struct, IPresence
    {
        var mean = Vector512.Create(statistics.Mean);
        var scale = Vector512.Create(statistics.Scale);
        for (; groups >= Chunk / Lanes; groups -= Chunk / Lanes)
        {
            if (!TStreamed.IsPresent)
            {
                Prefetch.Lines<T>(output + outputAhead);
            }

            var a = Apply<TBeta>(row, gamma, beta, mean, scale);
            var b = Apply<TBeta>(row + Lanes, gamma + Lanes, beta + Lanes, mean, scale);
            var c = Apply<TBeta>(row + (2 * Lanes), gamma + (2 * Lanes), beta + (2 * Lanes), mean, scale);
            var d = Apply<TBeta>(row + (3 * Lanes), gamma + (3 * Lanes), beta + (3 * Lanes), mean, scale);
            T.StorePair<TStreamed>(output, groupStride, a, b);
            T.StorePair<TStreamed>(output + (2 * groupStride), groupStride, c, d);
            row += Chunk;
            gamma += Chunk;
            beta += Chunk;
            output += Chunk / Lanes * groupStride;
        }

        for (; groups > 0; groups--)
        {
            T.Store(output, Apply<TBeta>(row, gamma, beta, mean, scale));
            row += Lanes;
            gamma += Lanes;
            beta += Lanes;
            output += groupStride;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Apply<TBeta>(float* row, float* gamma, float* beta, Vector512<float> mean, Vector512<float> scale)
        where TBeta : struct, IPresence
    {
        var value = (Vector512.Load(row) - mean) * scale;
        return TBeta.IsPresent
            ? Vector512.FusedMultiplyAdd(value, Vector512.Load(gamma), Vector512.Load(beta))
            : value * Vector512.Load(gamma);
    }

    /// <summary>Stores the row's last elements, less than a chunk.</summary>
    public static void ApplyRest<T, TBeta>(
        float* row, int start, int count, Statistics statistics, in PinnedNorm norm, byte* output, nint groupStride)
        where T : struct, IElement
        where TBeta : struct, IPresence
    {
        var (groups, first) = (count / Lanes, start / Lanes);
        ApplyGroups<T, TBeta, Without>(
            row + start, groups, statistics, norm.Gamma + start, norm.Beta + start, output + (first * groupStride), groupStride, 0);
        if (count % Lanes != 0)
        {
            ApplyTail<T>(row, first + groups, count % Lanes, statistics, in norm, output + ((first + groups) * groupStride));
        }
    }

    /// <summary>The row's last few elements, through copies that are sixteen wide.</summary>
    private static void ApplyTail<T>(
        float* row, int groups, int count, Statistics statistics, in PinnedNorm norm, byte* output)
        where T : struct, IElement
    {
        var buffers = stackalloc float[4 * Lanes];
        var beta = norm.Beta is null ? null : buffers + (2 * Lanes);
        var start = groups * Lanes;
        var bytes = (uint)count * sizeof(float);
        Unsafe.CopyBlockUnaligned(buffers, row + start, bytes);
        Unsafe.CopyBlockUnaligned(buffers + Lanes, norm.Gamma + start, bytes);
        if (beta is not null)
        {
            Unsafe.CopyBlockUnaligned(beta, norm.Beta + start, bytes);
        }

        var result = (byte*)(buffers + (3 * Lanes));
        if (beta is null)
        {
            ApplyGroups<T, Without, Without>(buffers, 1, statistics, buffers + Lanes, beta, result, 0, 0);
        }
        else
        {
            ApplyGroups<T, With, Without>(buffers, 1, statistics, buffers + Lanes, beta, result, 0, 0);
        }

        Unsafe.CopyBlockUnaligned(output, result, (uint)(count * T.Size));
    }
}
