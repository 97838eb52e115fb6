using System.Numerics;
using System.Runtime.Intrinsics;

namespace Stof.Reference.Cpu.Oracle;

/// <summary>The inner loops of <see cref="BlockedAttention"/>: tiles of 64 keys, four queries at a time, doubles four to a register.</summary>
internal static unsafe class DoubleTiles
{
    /// <summary>Keys of a tile.</summary>
    public const int Keys = 64;

    /// <summary>Queries that share the loads of a key or value.</summary>
    public const int Rows = 4;

    /// <summary>Value dimensions computed together; widths are padded to a multiple of it.</summary>
    public const int Lanes = 8;

    private const int Vector = 4;

    /// <summary>q·k and |q|·|k| of <paramref name="rows"/> queries with one tile of keys.</summary>
    /// <param name="queries">[rows, size].</param>
    /// <param name="keys">[tiles, size, Keys].</param>
    /// <param name="tile">The tile.</param>
    /// <param name="size">D.</param>
    /// <param name="rows">A multiple of <see cref="Rows"/>.</param>
    /// <param name="products">[rows, stride]; columns of the tile are written.</param>
    /// <param name="stride">Its stride.</param>
    /// <param name="magnitudes">[rows, Keys].</param>
    public static void Multiply(
        double[] queries, double[] keys, int tile, int size, int rows, double[] products, int stride, double[] magnitudes)
    {
        fixed (double* allQueries = queries, allKeys = keys, allProducts = products, allMagnitudes = magnitudes)
        {
            for (var column = 0; column < Keys; column += 2 * Vector)
            {
                for (var row = 0; row < rows; row += Rows)
                {
                    Multiply(
                        allQueries + (row * size),
                        allKeys + ((long)tile * size * Keys) + column,
                        size,
                        allProducts + ((long)row * stride) + (tile * Keys) + column,
                        stride,
                        allMagnitudes + (row * Keys) + column);
                }
            }
        }
    }

    private static void Multiply(double* q, double* k, int size, double* product, int stride, double* magnitude)
    {
        Vector256<double> p00 = default, p01 = default, p10 = default, p11 = default;
        Vector256<double> p20 = default, p21 = default, p30 = default, p31 = default;
        Vector256<double> m00 = default, m01 = default, m10 = default, m11 = default;
        Vector256<double> m20 = default, m21 = default, m30 = default, m31 = default;
        var q1 = q + size;
        var q2 = q1 + size;
        var q3 = q2 + size;
        for (var d = 0; d < size; d++, k += Keys)
        {
            var (k0, k1) = (Vector256.Load(k), Vector256.Load(k + Vector));
            var (a0, a1) = (Vector256.Abs(k0), Vector256.Abs(k1));
            var x = Vector256.Create(q[d]);
            p00 = Vector256.FusedMultiplyAdd(x, k0, p00);
            p01 = Vector256.FusedMultiplyAdd(x, k1, p01);
            x = Vector256.Abs(x);
            m00 = Vector256.FusedMultiplyAdd(x, a0, m00);
            m01 = Vector256.FusedMultiplyAdd(x, a1, m01);
            x = Vector256.Create(q1[d]);
            p10 = Vector256.FusedMultiplyAdd(x, k0, p10);
            p11 = Vector256.FusedMultiplyAdd(x, k1, p11);
            x = Vector256.Abs(x);
            m10 = Vector256.FusedMultiplyAdd(x, a0, m10);
            m11 = Vector256.FusedMultiplyAdd(x, a1, m11);
            x = Vector256.Create(q2[d]);
            p20 = Vector256.FusedMultiplyAdd(x, k0, p20);
            p21 = Vector256.FusedMultiplyAdd(x, k1, p21);
            x = Vector256.Abs(x);
            m20 = Vector256.FusedMultiplyAdd(x, a0, m20);
            m21 = Vector256.FusedMultiplyAdd(x, a1, m21);
            x = Vector256.Create(q3[d]);
            p30 = Vector256.FusedMultiplyAdd(x, k0, p30);
            p31 = Vector256.FusedMultiplyAdd(x, k1, p31);
            x = Vector256.Abs(x);
            m30 = Vector256.FusedMultiplyAdd(x, a0, m30);
            m31 = Vector256.FusedMultiplyAdd(x, a1, m31);
        }

        StorePair(product, p00, p01);
        StorePair(product + stride, p10, p11);
        StorePair(product + (2L * stride), p20, p21);
        StorePair(product + (3L * stride), p30, p31);
        StorePair(magnitude, m00, m01);
        StorePair(magnitude + Keys, m10, m11);
        StorePair(magnitude + (2 * Keys), m20, m21);
        StorePair(magnitude + (3 * Keys), m30, m31);
    }

    /// <summary>
    /// Scales, puts −∞ where a bit is 0, and keeps the largest score (NaN wins) and the largest finite magnitude of allowed keys.
    /// </summary>
    public static void Mask(
        Span<double> scores, ReadOnlySpan<double> sizes, ulong bits, double scale, bool isFull, ref double maximum, ref double magnitude)
    {
        var (scales, absolute) = (Vector256.Create(scale), Vector256.Create(Math.Abs(scale)));
        var (largest, widest) = (Vector256.Create(maximum), Vector256.Create(magnitude));
        var lanes = Vector256.Create(1L, 2, 4, 8);
        for (var j = 0; j < Keys; j += Vector)
        {
            var score = Vector256.Create<double>(scores[j..]) * scales;
            var size = Vector256.Create<double>(sizes[j..]) * absolute;
            if (!isFull)
            {
                var allowed = Vector256.Equals(Vector256.Create((long)(bits >> j)) & lanes, lanes).AsDouble();
                score = Vector256.ConditionalSelect(allowed, score, Vector256.Create(double.NegativeInfinity));
                size = Vector256.ConditionalSelect(allowed, size, Vector256<double>.Zero);
            }

            size = Vector256.ConditionalSelect(
                Vector256.LessThanOrEqual(size, Vector256.Create(double.MaxValue)), size, Vector256<double>.Zero);
            largest = Vector256.Max(largest, score);
            widest = Vector256.Max(widest, size);
            score.CopyTo(scores[j..]);
        }

        for (var lane = 0; lane < Vector; lane++)
        {
            maximum = Math.Max(maximum, largest[lane]);
            magnitude = Math.Max(magnitude, widest[lane]);
        }
    }

    /// <summary>Turns scores into e = exp(s − maximum); adds Σ e and Σ e·(s − maximum).</summary>
    public static void Exponentiate(Span<double> scores, double maximum, ref double sum, ref double moment)
    {
        var (top, sums, moments) = (Vector256.Create(maximum), Vector256<double>.Zero, Vector256<double>.Zero);
        for (var j = 0; j < Keys; j += Vector)
        {
            var below = Vector256.Create<double>(scores[j..]) - top;
            var weight = Vector256.Exp(below);
            var part = Vector256.ConditionalSelect(Vector256.Equals(weight, Vector256<double>.Zero), weight, weight * below);
            sums += weight;
            moments += part;
            weight.CopyTo(scores[j..]);
        }

        sum += Vector256.Sum(sums);
        moment += Vector256.Sum(moments);
    }

    /// <summary>Adds Σ w·v and Σ w·|v| over one tile to the rows' sums.</summary>
    /// <param name="weights">[rows, stride]; the tile's columns are read.</param>
    /// <param name="stride">Its stride.</param>
    /// <param name="tile">The tile.</param>
    /// <param name="values">[tiles·Keys, width].</param>
    /// <param name="width">A multiple of <see cref="Lanes"/>.</param>
    /// <param name="rows">A multiple of <see cref="Rows"/>.</param>
    /// <param name="output">[rows, width].</param>
    /// <param name="absolute">[rows, width].</param>
    public static void Accumulate(
        double[] weights, int stride, int tile, double[] values, int width, int rows, double[] output, double[] absolute)
    {
        fixed (double* allWeights = weights, allValues = values, allOutput = output, allAbsolute = absolute)
        {
            for (var column = 0; column < width; column += Lanes)
            {
                for (var row = 0; row < rows; row += Rows)
                {
                    Accumulate(
                        allWeights + ((long)row * stride) + (tile * Keys),
                        stride,
                        allValues + ((long)tile * Keys * width) + column,
                        width,
                        allOutput + (row * width) + column,
                        allAbsolute + (row * width) + column);
                }
            }
        }
    }

    private static void Accumulate(double* w, int stride, double* v, int width, double* output, double* absolute)
    {
        var (o00, o01) = LoadPair(output);
        var (o10, o11) = LoadPair(output + width);
        var (o20, o21) = LoadPair(output + (2 * width));
        var (o30, o31) = LoadPair(output + (3 * width));
        var (a00, a01) = LoadPair(absolute);
        var (a10, a11) = LoadPair(absolute + width);
        var (a20, a21) = LoadPair(absolute + (2 * width));
        var (a30, a31) = LoadPair(absolute + (3 * width));
        var w1 = w + stride;
        var w2 = w1 + stride;
        var w3 = w2 + stride;
        for (var j = 0; j < Keys; j++, v += width)
        {
            var (v0, v1) = (Vector256.Load(v), Vector256.Load(v + Vector));
            var (b0, b1) = (Vector256.Abs(v0), Vector256.Abs(v1));
            var x = Vector256.Create(w[j]);
            o00 = Vector256.FusedMultiplyAdd(x, v0, o00);
            o01 = Vector256.FusedMultiplyAdd(x, v1, o01);
            a00 = Vector256.FusedMultiplyAdd(x, b0, a00);
            a01 = Vector256.FusedMultiplyAdd(x, b1, a01);
            x = Vector256.Create(w1[j]);
            o10 = Vector256.FusedMultiplyAdd(x, v0, o10);
            o11 = Vector256.FusedMultiplyAdd(x, v1, o11);
            a10 = Vector256.FusedMultiplyAdd(x, b0, a10);
            a11 = Vector256.FusedMultiplyAdd(x, b1, a11);
            x = Vector256.Create(w2[j]);
            o20 = Vector256.FusedMultiplyAdd(x, v0, o20);
            o21 = Vector256.FusedMultiplyAdd(x, v1, o21);
            a20 = Vector256.FusedMultiplyAdd(x, b0, a20);
            a21 = Vector256.FusedMultiplyAdd(x, b1, a21);
            x = Vector256.Create(w3[j]);
            o30 = Vector256.FusedMultiplyAdd(x, v0, o30);
            o31 = Vector256.FusedMultiplyAdd(x, v1, o31);
            a30 = Vector256.FusedMultiplyAdd(x, b0, a30);
            a31 = Vector256.FusedMultiplyAdd(x, b1, a31);
        }

        StorePair(output, o00, o01);
        StorePair(output + width, o10, o11);
        StorePair(output + (2 * width), o20, o21);
        StorePair(output + (3 * width), o30, o31);
        StorePair(absolute, a00, a01);
        StorePair(absolute + width, a10, a11);
        StorePair(absolute + (2 * width), a20, a21);
        StorePair(absolute + (3 * width), a30, a31);
    }

    /// <summary>sum += addend.</summary>
    public static void Add(ReadOnlySpan<double> addend, Span<double> sum)
    {
        for (var d = 0; d < sum.Length; d += Vector)
        {
            (Vector256.Create<double>(sum[d..]) + Vector256.Create(addend[d..])).CopyTo(sum[d..]);
        }
    }

    /// <summary>sum += Σ |v| over the keys whose bit is 1.</summary>
    public static void AddMagnitudes(ReadOnlySpan<double> values, ulong bits, Span<double> sum)
    {
        var width = sum.Length;
        for (var d = 0; d < width; d += Lanes)
        {
            var (s0, s1) = (Vector256.Create<double>(sum[d..]), Vector256.Create<double>(sum[(d + Vector)..]));
            for (var rest = bits; rest != 0; rest &= rest - 1)
            {
                var at = (BitOperations.TrailingZeroCount(rest) * width) + d;
                s0 += Vector256.Abs(Vector256.Create(values[at..]));
                s1 += Vector256.Abs(Vector256.Create(values[(at + Vector)..]));
            }

            s0.CopyTo(sum[d..]);
            s1.CopyTo(sum[(d + Vector)..]);
        }
    }

    private static (Vector256<double> Low, Vector256<double> High) LoadPair(double* at) => (Vector256.Load(at), Vector256.Load(at + Vector));

    private static void StorePair(double* at, Vector256<double> low, Vector256<double> high)
    {
        low.Store(at);
        high.Store(at + Vector);
    }
}
