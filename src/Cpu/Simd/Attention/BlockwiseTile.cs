using System.Runtime.CompilerServices;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>
/// A rectangle of a tile: keys [Key, Key + Keys) by queries [Query, Query + Queries), counted in the tile. A full tile is one;
/// a part tile is cut into some that leave out what is empty.
/// </summary>
internal readonly record struct TilePart(int Query, int Queries, int Key, int Keys);

/// <summary>
/// Which pairs of a part tile are allowed: <see cref="KeyBits"/> words in columns of <paramref name="rowWords"/> words.
/// </summary>
internal readonly ref struct TileBits(ReadOnlySpan<ulong> words, int rowWords)
{
    private const int InnerKeys = 8;
    private readonly ReadOnlySpan<ulong> _words = words;

    /// <summary>The words of sixteen queries and eight keys.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public (ulong Lower, ulong Upper) At(int query, int key)
    {
        var row = query / InnerKeys;
        var word = (key / InnerKeys * rowWords) + row;
        return (_words[word], row + 1 < rowWords ? _words[word + 1] : 0);
    }

    /// <summary>Bits of sixteen queries, one key.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint Queries(int query, int key)
    {
        var (lower, upper) = At(query, key);
        return Queries(lower, upper, key);
    }

    /// <summary>Bits of sixteen queries, one key, from the words that hold them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Queries(ulong lower, ulong upper, int key)
    {
        var shift = 8 * (key % InnerKeys);
        return ((uint)(lower >> shift) & 0xFF) | (((uint)(upper >> shift) & 0xFF) << 8);
    }

    /// <summary>First and last + 1 of the keys, rounded to eights, that one of sixteen queries attends to.</summary>
    public (int First, int End) Keys(int query)
    {
        var (first, end) = (0, _words.Length / rowWords * InnerKeys);
        while (first < end && IsEmpty(query, first))
        {
            first += InnerKeys;
        }

        while (first < end && IsEmpty(query, end - InnerKeys))
        {
            end -= InnerKeys;
        }

        return (first, end);
    }

    private bool IsEmpty(int query, int key)
    {
        var (lower, upper) = At(query, key);
        return (lower | upper) == 0;
    }
}

/// <summary>The steps between the two products of a tile's part: scores with mask, then weights. Scores are [keys, queries].</summary>
internal static unsafe class BlockwiseTile
{
    /// <summary>Raises the largest scores to those of all pairs.</summary>
    /// <param name="scores">The part's first score.</param>
    /// <param name="stride">Floats from key to key.</param>
    /// <param name="part">The part.</param>
    /// <param name="largest">One a query of the part.</param>
    public static void FindLargest<TLanes, TVector>(float* scores, int stride, TilePart part, float* largest)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        for (var q = 0; q < part.Queries; q += TLanes.Width)
        {
            var found = TLanes.Load(largest + q);
            var end = scores + q + ((long)part.Keys * stride);
            for (var score = scores + q; score < end; score += stride)
            {
                found = TLanes.Max(TLanes.Load(score), found);
            }

            TLanes.Store(found, largest + q);
        }
    }

    /// <summary>Puts −∞ where a pair is masked, by selection, and raises the largest scores to those of the others.</summary>
    /// <param name="scores">The part's first score.</param>
    /// <param name="stride">Floats from key to key.</param>
    /// <param name="part">The part.</param>
    /// <param name="bits">Allowed pairs of the tile.</param>
    /// <param name="largest">One a query of the part.</param>
    public static void Mask<TLanes, TVector>(float* scores, int stride, TilePart part, TileBits bits, float* largest)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        for (var key = 0; key < part.Keys; key += 8)
        {
            var keys = Math.Min(8, part.Keys - key);
            for (var q = 0; q < part.Queries; q += Lanes.Count)
            {
                var (lower, upper) = bits.At(part.Query + q, part.Key + key);
                var corner = scores + ((long)key * stride) + q;
                if ((lower & upper) == ulong.MaxValue)
                {
                    FindLargest<TLanes, TVector>(corner, stride, new TilePart(0, Lanes.Count, 0, keys), largest + q);
                }
                else
                {
                    Mask<TLanes, TVector>(corner, stride, keys, lower, upper, largest + q);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Mask<TLanes, TVector>(float* scores, int stride, int keys, ulong lower, ulong upper, float* largest)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var nothing = TLanes.Create(float.NegativeInfinity);
        for (var lane = 0; lane < Lanes.Count; lane += TLanes.Width)
        {
            var found = TLanes.Load(largest + lane);
            var at = scores + lane;
            for (var k = 0; k < keys; k++)
            {
                var score = TLanes.SelectBits(TileBits.Queries(lower, upper, k) >> lane, TLanes.Load(at), nothing);
                TLanes.Store(score, at);
                found = TLanes.Max(score, found);
                at += stride;
            }

            TLanes.Store(found, largest + lane);
        }
    }

    /// <summary>Raw products to whole scores in base 2, in place: where there is more to do than to scale.</summary>
    /// <param name="scores">The part's first score.</param>
    /// <param name="stride">Floats from key to key.</param>
    /// <param name="part">The part.</param>
    /// <param name="rule">Scale, bias, cap.</param>
    /// <param name="at">Place of the tile's first pair.</param>
    public static void Apply<TLanes, TVector>(float* scores, int stride, TilePart part, ScoreRule rule, TilePlace at)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var unit = TLanes.Create(BaseTwo.PerNatural);
        for (var k = 0; k < part.Keys; k++)
        {
            var row = scores + ((long)k * stride);
            var bias = rule.Bias(at.Batch, at.Head, at.Key + part.Key + k);
            rule.Apply<TLanes, TVector>(row, part.Queries, bias is null ? null : bias + at.Query + part.Query);
            for (var q = 0; q < part.Queries; q += TLanes.Width)
            {
                TLanes.Store(TLanes.Multiply(TLanes.Load(row + q), unit), row + q);
            }
        }
    }

    /// <summary>
    /// Scores to weights 2^(s − m), in place, and their sums to l. The weights of a query in this part are one chain of additions
    /// over ascending keys.
    /// </summary>
    /// <param name="scores">The part's first score, in base 2.</param>
    /// <param name="part">The part.</param>
    /// <param name="state">State of the tile's queries.</param>
    public static void Weigh<TLanes, TVector>(float* scores, TilePart part, in LaneStates state)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var reference = state.Reference + part.Query;
        var sums = state.Sum + part.Query;
        var q = 0;
        for (; q <= part.Queries - (2 * TLanes.Width); q += 2 * TLanes.Width)
        {
            WeighPair<TLanes, TVector>(scores + q, state.Stride, part.Keys, reference + q, sums + q);
        }

        if (q < part.Queries)
        {
            WeighOne<TLanes, TVector>(scores + q, state.Stride, part.Keys, reference + q, sums + q);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void WeighOne<TLanes, TVector>(float* scores, nint stride, int keys, float* reference, float* sums)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var power = new PowerOfTwo<TLanes, TVector>();
        var m = TLanes.Load(reference);
        var sum = TLanes.Create(0f);
        for (; keys > 0; keys--)
        {
            var weight = power.Of(TLanes.Subtract(TLanes.Load(scores), m));
            TLanes.Store(weight, scores);
            sum = TLanes.Add(sum, weight);
            scores += stride;
        }

        TLanes.Store(TLanes.Add(TLanes.Load(sums), sum), sums);
    }

    // Two registers side by side, neither of which waits for the other.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void WeighPair<TLanes, TVector>(float* scores, nint stride, int keys, float* reference, float* sums)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var power = new PowerOfTwo<TLanes, TVector>();
        var (m, n) = (TLanes.Load(reference), TLanes.Load(reference + TLanes.Width));
        var (sum, other) = (TLanes.Create(0f), TLanes.Create(0f));
        for (; keys > 0; keys--)
        {
            var (weight, next) = power.Of(
                TLanes.Subtract(TLanes.Load(scores), m), TLanes.Subtract(TLanes.Load(scores + TLanes.Width), n));
            TLanes.Store(weight, scores);
            TLanes.Store(next, scores + TLanes.Width);
            sum = TLanes.Add(sum, weight);
            other = TLanes.Add(other, next);
            scores += stride;
        }

        TLanes.Store(TLanes.Add(TLanes.Load(sums), sum), sums);
        TLanes.Store(TLanes.Add(TLanes.Load(sums + TLanes.Width), other), sums + TLanes.Width);
    }

    /// <summary>
    /// o = o + P·V over the allowed pairs only: for parts whose values are not all finite, where a weight of zero must
    /// be skipped because 0·NaN is NaN. Adds in the order of <see cref="LaneProduct"/>.
    /// </summary>
    /// <param name="weights">The part's first weight.</param>
    /// <param name="part">The part.</param>
    /// <param name="bits">Allowed pairs of the tile.</param>
    /// <param name="values">Value of the part's first key.</param>
    /// <param name="valueStride">Floats from value to value.</param>
    /// <param name="valueSize">Dv.</param>
    /// <param name="state">State of the tile's queries.</param>
    public static void AddAllowed<TLanes, TVector>(
        float* weights, TilePart part, TileBits bits, float* values, int valueStride, int valueSize, in LaneStates state)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        for (var q = 0; q < part.Queries; q += TLanes.Width)
        {
            var lane = q % Lanes.Count;
            for (var d = 0; d < valueSize; d++)
            {
                var output = state.Output + ((long)d * state.Stride) + part.Query + q;
                var sum = TLanes.Create(0f);
                for (var k = 0; k < part.Keys; k++)
                {
                    var added = TLanes.Fma(
                        TLanes.Create(values[((long)k * valueStride) + d]), TLanes.Load(weights + ((long)k * state.Stride) + q), sum);
                    sum = TLanes.SelectBits(bits.Queries(part.Query + q - lane, part.Key + k) >> lane, added, sum);
                }

                TLanes.Store(TLanes.Add(TLanes.Load(output), sum), output);
            }
        }
    }
}

/// <summary>Place of a tile's first pair.</summary>
internal readonly record struct TilePlace(int Batch, int Head, int Query, int Key);
