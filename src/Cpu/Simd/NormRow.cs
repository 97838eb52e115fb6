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
    private const int Chunk = 4 * Lanes;

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
    /// <typeparam name="T">Element type of the output.</typeparam>
    /// <param name="row">The row, in float.</param>
    /// <param name="columns">Number of columns.</param>
    /// <param name="norm">Kind and parameters.</param>
    /// <param name="output">First output element; the output may be <paramref name="row"/>.</param>
    /// <param name="groupStride">Bytes from one group of sixteen outputs to the next.</param>
    /// <param name="ahead">What to ask for meanwhile; default for nothing.</param>
    public static void Apply<T>(float* row, int columns, in PinnedNorm norm, byte* output, nint groupStride, RowAhead ahead = default)
        where T : struct, IElement
    {
        var statistics = Measure(row, columns, norm.Kind, norm.Epsilon);
        var groups = columns / Lanes;
        var tail = columns % Lanes;
        ApplyGroups<T>(row, groups, statistics, norm.Gamma, norm.Beta, output, groupStride, ahead);
        if (tail != 0)
        {
            ApplyTail<T>(row, groups, tail, statistics, in norm, output + (groups * groupStride));
        }
    }

    /// <summary>Mean and reciprocal deviation (LayerNorm, in two passes) or 0 and reciprocal root mean square (RMSNorm).</summary>
    private static Statistics Measure(float* row, int columns, NormKind kind, float epsilon)
    {
        var chunks = columns / Chunk;
        var count = columns % Chunk;
        var rest = stackalloc float[Chunk];
        if (count == 0)
        {
            rest = null;
        }

        var mean = 0f;
        if (kind == NormKind.Layer)
        {
            Pad(rest, row + (chunks * Chunk), count, 0f);
            mean = Sum(row, chunks, rest) / columns;
        }

        // Beyond the row stands the mean: its deviation adds nothing.
        Pad(rest, row + (chunks * Chunk), count, mean);
        return new Statistics(mean, 1f / MathF.Sqrt((SumOfSquares(row, chunks, rest, mean) / columns) + epsilon));
    }

    /// <summary>A row's last few values followed by a filler, as long as a whole chunk.</summary>
    private static void Pad(float* buffer, float* source, int count, float filler)
    {
        if (count != 0)
        {
            new Span<float>(source, count).CopyTo(new Span<float>(buffer, count));
            new Span<float>(buffer + count, Chunk - count).Fill(filler);
        }
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

        if (rest is not null)
        {
            a += Vector512.Load(rest);
            b += Vector512.Load(rest + Lanes);
            c += Vector512.Load(rest + (2 * Lanes));
            d += Vector512.Load(rest + (3 * Lanes));
        }

        return ReduceAdd((a + b) + (c + d));
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
    private static Vector512<float> AddSquare(Vector512<float> value, Vector512<float> sum) =>
        Vector512.FusedMultiplyAdd(value, value, sum);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ApplyGroups<T>(
        float* row, int groups, Statistics statistics, float* gamma, float* beta, byte* output, nint groupStride, RowAhead ahead)
        where T : struct, IElement
    {
        var first = ahead.First;
        var residual = ahead.Residual;
        var mean = Vector512.Create(statistics.Mean);
        var scale = Vector512.Create(statistics.Scale);
        for (var group = 0; group < groups; group++)
        {
            if (first is not null)
            {
                Prefetch.Line(first);
                first += ahead.FirstStep;
            }

            if (residual is not null)
            {
                Prefetch.Line(residual);
                residual += ahead.ResidualStep;
            }

            var value = (Vector512.Load(row) - mean) * scale;
            if (beta is not null)
            {
                value = Vector512.FusedMultiplyAdd(value, Vector512.Load(gamma), Vector512.Load(beta));
                beta += Lanes;
            }
            else
            {
                value *= Vector512.Load(gamma);
            }

            Prefetch.Line(output + ahead.Output);
            T.Store(output, value);
            row += Lanes;
            gamma += Lanes;
            output += groupStride;
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
        ApplyGroups<T>(buffers, 1, statistics, buffers + Lanes, beta, result, 0, default);
        Unsafe.CopyBlockUnaligned(output, result, (uint)(count * T.Size));
    }
}
