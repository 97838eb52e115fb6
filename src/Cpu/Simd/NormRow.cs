using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Stof.Reference.Graphs;

namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// Statistics and application of a norm on one row of floats that lies in cache. Sums run in sixteen lanes and end in
/// <see cref="ReduceAdd"/>: the same additions in the same order on every vector width.
/// </summary>
internal static unsafe class NormRow
{
    private const int Lanes = 16;

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

    /// <summary>Mean and reciprocal deviation (LayerNorm, in two passes) or 0 and reciprocal root mean square (RMSNorm).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static Statistics Measure(float* row, int columns, NormKind kind, float epsilon)
    {
        var groups = columns / Lanes;
        var tail = columns % Lanes;
        var last = tail == 0 ? Vector512<float>.Zero : PartialElements.Load<ElementF32>((byte*)(row + (groups * Lanes)), tail);
        var mean = 0f;
        if (kind == NormKind.Layer)
        {
            var sum = Vector512<float>.Zero;
            for (var group = 0; group < groups; group++)
            {
                sum += Vector512.Load(row + (group * Lanes));
            }

            mean = ReduceAdd(sum + last) / columns;
        }

        var center = Vector512.Create(mean);
        var squares = Vector512<float>.Zero;
        for (var group = 0; group < groups; group++)
        {
            var delta = Vector512.Load(row + (group * Lanes)) - center;
            squares = Vector512.FusedMultiplyAdd(delta, delta, squares);
        }

        if (tail != 0)
        {
            // Lanes beyond the row keep their sum.
            var inside = Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(tail)).AsSingle();
            var delta = Vector512.ConditionalSelect(inside, last - center, Vector512<float>.Zero);
            squares = Vector512.FusedMultiplyAdd(delta, delta, squares);
        }

        return new Statistics(mean, 1f / MathF.Sqrt((ReduceAdd(squares) / columns) + epsilon));
    }

    /// <summary>Normalises one row and stores it.</summary>
    /// <typeparam name="T">Element type of the output.</typeparam>
    /// <param name="row">The row, in float.</param>
    /// <param name="columns">Number of columns.</param>
    /// <param name="norm">Kind and parameters.</param>
    /// <param name="output">First output element.</param>
    /// <param name="groupStride">Bytes from one group of sixteen outputs to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Apply<T>(float* row, int columns, in PinnedNorm norm, byte* output, nint groupStride)
        where T : struct, IElement
    {
        var statistics = Measure(row, columns, norm.Kind, norm.Epsilon);
        var mean = Vector512.Create(statistics.Mean);
        var scale = Vector512.Create(statistics.Scale);
        var gamma = norm.Gamma;
        var beta = norm.Beta;
        var groups = columns / Lanes;
        if (beta is not null)
        {
            for (var column = 0; column < groups * Lanes; column += Lanes)
            {
                var value = (Vector512.Load(row + column) - mean) * scale;
                T.Store(output, Vector512.FusedMultiplyAdd(value, Vector512.Load(gamma + column), Vector512.Load(beta + column)));
                output += groupStride;
            }
        }
        else
        {
            for (var column = 0; column < groups * Lanes; column += Lanes)
            {
                var value = (Vector512.Load(row + column) - mean) * scale;
                T.Store(output, value * Vector512.Load(gamma + column));
                output += groupStride;
            }
        }

        var tail = columns % Lanes;
        if (tail != 0)
        {
            var start = groups * Lanes;
            var value = (PartialElements.Load<ElementF32>((byte*)(row + start), tail) - mean) * scale;
            var g = PartialElements.Load<ElementF32>((byte*)(gamma + start), tail);
            value = beta is null
                ? value * g
                : Vector512.FusedMultiplyAdd(value, g, PartialElements.Load<ElementF32>((byte*)(beta + start), tail));
            PartialElements.Store<T>(output, value, tail);
        }
    }
}
