using System.Runtime.CompilerServices;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>
/// Which pairs of a tile are allowed, read straight from its inner-tile bitmap: words run down inner-tile columns, so byte
/// (column/8)·BM + row holds eight keys of one row.
/// </summary>
/// <param name="bytes">The tile's bitmap, or null if every pair is allowed.</param>
/// <param name="rows">BM.</param>
/// <param name="groups">BN/8.</param>
internal readonly unsafe struct TileBits(byte* bytes, int rows, int groups)
{
    private readonly byte* _bytes = bytes;
    private readonly int _rows = rows;
    private readonly int _groups = groups;

    /// <summary>True if there is anything to select.</summary>
    public bool Select => _bytes is not null;

    /// <summary>Bits of one row for <paramref name="width"/> (4, 8 or 16) keys from <paramref name="column"/> on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint Row(int row, int column, int width)
    {
        var group = column >> 3;
        if (group >= _groups)
        {
            return 0;
        }

        var bits = (uint)_bytes[(group * _rows) + row];
        if (width == 16 && group + 1 < _groups)
        {
            bits |= (uint)_bytes[((group + 1) * _rows) + row] << 8;
        }

        return width == 4 ? bits >> (column & 4) : bits;
    }

    /// <summary>May the row attend to the key?</summary>
    public bool Allows(int row, int column) => ((_bytes[((column >> 3) * _rows) + row] >> (column & 7)) & 1) != 0;
}

/// <summary>The steps between the two products of a tile: scores with mask, then weights.</summary>
internal static unsafe class BlockwiseTile
{
    /// <summary>
    /// Raw products to scores, in place, masked pairs to −∞ by selection; the largest of each row and of what it had before
    /// goes to the candidates.
    /// </summary>
    /// <param name="scores">[rows, stride].</param>
    /// <param name="stride">Floats from row to row.</param>
    /// <param name="rows">Rows of the tile in use.</param>
    /// <param name="columns">Keys of the tile in use, rounded up to 16.</param>
    /// <param name="bits">Allowed pairs.</param>
    /// <param name="rule">Scale, bias, cap.</param>
    /// <param name="at">Place of the tile's first pair.</param>
    /// <param name="state">State of the rows.</param>
    public static void Score<TLanes, TVector>(
        float* scores, int stride, int rows, int columns, TileBits bits, ScoreRule rule, TilePlace at, in RowStates state)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var largest = state.Largest;
        var candidates = state.Candidate;
        var scale = rule.HasMoreThanScale ? 1f : rule.Scale;
        for (var r = 0; r < rows; r++)
        {
            var row = scores + (r * stride);
            if (rule.HasMoreThanScale)
            {
                var bias = rule.Bias(at.Batch, at.Head, at.Query + r);
                rule.Apply<TLanes, TVector>(row, columns, bias is null ? null : bias + at.Key);
            }

            var found = bits.Select
                ? ScaleAllowed<TLanes, TVector>(row, columns, scale, bits, r)
                : ScaleAll<TLanes, TVector>(row, columns, scale);
            candidates[r] = found > largest[r] ? found : largest[r];
        }
    }

    /// <summary>Scales a row and returns its largest score.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float ScaleAll<TLanes, TVector>(float* row, int columns, float scale)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var factor = TLanes.Create(scale);
        var largest = TLanes.Create(float.NegativeInfinity);
        for (var c = 0; c < columns; c += TLanes.Width)
        {
            var score = TLanes.Multiply(TLanes.Load(row + c), factor);
            TLanes.Store(score, row + c);
            largest = TLanes.Max(score, largest);
        }

        return TLanes.MaxAcross(largest);
    }

    /// <summary>As <see cref="ScaleAll"/>, masked pairs selected away.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float ScaleAllowed<TLanes, TVector>(float* row, int columns, float scale, TileBits bits, int r)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var factor = TLanes.Create(scale);
        var nothing = TLanes.Create(float.NegativeInfinity);
        var largest = nothing;
        for (var c = 0; c < columns; c += TLanes.Width)
        {
            var raw = TLanes.Multiply(TLanes.Load(row + c), factor);
            var score = TLanes.SelectBits(bits.Row(r, c, TLanes.Width), raw, nothing);
            TLanes.Store(score, row + c);
            largest = TLanes.Max(score, largest);
        }

        return TLanes.MaxAcross(largest);
    }

    /// <summary>Scores to weights exp(s − m), in place, and their sums to the lanes of l, what they held rescaled.</summary>
    public static void Weigh<TLanes, TVector>(float* scores, int stride, int rows, int columns, in RowStates state)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var factors = state.Factor;
        var references = state.Reference;
        var lanes = state.SumLanes;
        for (var r = 0; r < rows; r++)
        {
            var reference = TLanes.Create(references[r]);
            var factor = TLanes.Create(factors[r]);
            for (var lane = 0; lane < Lanes.Count; lane += TLanes.Width)
            {
                var sum = TLanes.Create(0f);
                var row = scores + (r * stride) + lane;
                for (var c = 0; c < columns - lane; c += Lanes.Count)
                {
                    var weight = VectorMath.Exp<TLanes, TVector>(TLanes.Subtract(TLanes.Load(row + c), reference));
                    TLanes.Store(weight, row + c);
                    sum = TLanes.Add(sum, weight);
                }

                var total = lanes + (r * Lanes.Count) + lane;
                TLanes.Store(TLanes.Fma(TLanes.Load(total), factor, sum), total);
            }
        }
    }

    /// <summary>
    /// o = factor·o + P·V over the allowed pairs only: for tiles whose values are not all finite, where a weight of zero must
    /// be skipped because 0·NaN is NaN. Adds in the order of <see cref="TileProduct"/>.
    /// </summary>
    public static void AddAllowed<TLanes, TVector>(
        float* weights, int stride, int rows, int keys, TileBits bits, float* values, float* factor, in RowStates state)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        for (var r = 0; r < rows; r++)
        {
            for (var d = 0; d < state.ValueStride; d += TLanes.Width)
            {
                var output = state.Output + (r * state.ValueStride) + d;
                var sum = factor is null ? TLanes.Create(0f) : TLanes.Multiply(TLanes.Load(output), TLanes.Create(factor[r]));
                for (var k = 0; k < keys; k++)
                {
                    if (bits.Allows(r, k))
                    {
                        sum = TLanes.Fma(
                            TLanes.Create(weights[(r * stride) + k]), TLanes.Load(values + ((long)k * state.ValueStride) + d), sum);
                    }
                }

                TLanes.Store(sum, output);
            }
        }
    }
}

/// <summary>Place of a tile's first pair.</summary>
internal readonly record struct TilePlace(int Batch, int Head, int Query, int Key);
