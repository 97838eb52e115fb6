using System.Runtime.CompilerServices;

namespace Stof.Reference.Cpu.Simd.Attention;

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
                var words = bits.At(part.Query + q, part.Key + key);
                var corner = scores + ((long)key * stride) + q;
                if (TileBits.AreFull(words))
                {
                    FindLargest<TLanes, TVector>(corner, stride, new TilePart(0, Lanes.Count, 0, keys), largest + q);
                }
                else
                {
                    Mask<TLanes, TVector>(corner, stride, keys, words, largest + q);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Mask<TLanes, TVector>(float* scores, int stride, int keys, ushort* words, float* largest)
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
                var score = Selected<TLanes, TVector>(words + k, lane, TLanes.Load(at), nothing);
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
        where TVector : struct => Weigh<TLanes, TVector, With, Without>(scores, part, default, state);

    /// <summary>
    /// <see cref="Weigh{TLanes, TVector}"/> where scores are bounded and m is 0: no mask was applied and nothing looked for the largest score; a masked pair's
    /// weight is put to 0 by selection.
    /// </summary>
    /// <typeparam name="TLanes">Register width.</typeparam>
    /// <typeparam name="TVector">Register.</typeparam>
    /// <typeparam name="TBits"><see cref="With"/> for a part of a part tile.</typeparam>
    /// <param name="scores">The part's first score, in base 2.</param>
    /// <param name="part">The part.</param>
    /// <param name="bits">Allowed pairs of the tile, if it is a part tile.</param>
    /// <param name="state">State of the tile's queries.</param>
    public static void WeighBounded<TLanes, TVector, TBits>(float* scores, TilePart part, TileBits bits, in LaneStates state)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
        where TBits : struct, IPresence => Weigh<TLanes, TVector, Without, TBits>(scores, part, bits, state);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Weigh<TLanes, TVector, TReference, TBits>(float* scores, TilePart part, TileBits bits, in LaneStates state)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
        where TReference : struct, IPresence
        where TBits : struct, IPresence
    {
        var power = new PowerOfTwo<TLanes, TVector>();
        nint stride = state.Stride;
        var zero = TLanes.Create(0f);
        for (var q = 0; q < part.Queries; q += TLanes.Width)
        {
            var m = TReference.IsPresent ? TLanes.Load(state.Reference + part.Query + q) : zero;
            var words = TBits.IsPresent ? bits.At(part.Query + q, part.Key) : null;
            var lane = q % Lanes.Count;
            var sums = state.Sum + part.Query + q;
            var sum = zero;
            var at = scores + q;
            var keys = part.Keys;
            for (; keys >= 4; keys -= 4)
            {
                float* next = at + stride, third = next + stride;
                var fourth = third + stride;
                var (a, b, c, d) = (TLanes.Load(at), TLanes.Load(next), TLanes.Load(third), TLanes.Load(fourth));
                (a, b, c, d) = TReference.IsPresent ? power.Of(a, b, c, d, m) : power.OfBounded(a, b, c, d);
                if (TBits.IsPresent)
                {
                    a = Selected<TLanes, TVector>(words, lane, a, zero);
                    b = Selected<TLanes, TVector>(words + 1, lane, b, zero);
                    c = Selected<TLanes, TVector>(words + 2, lane, c, zero);
                    d = Selected<TLanes, TVector>(words + 3, lane, d, zero);
                    words += 4;
                }

                TLanes.Store(a, at);
                TLanes.Store(b, next);
                TLanes.Store(c, third);
                TLanes.Store(d, fourth);
                sum = TLanes.Add(TLanes.Add(TLanes.Add(TLanes.Add(sum, a), b), c), d);
                at = fourth + stride;
            }

            for (; keys > 0; keys--)
            {
                var weight = TReference.IsPresent ? power.Of(TLanes.Load(at), m) : power.OfBounded(TLanes.Load(at));
                weight = TBits.IsPresent ? Selected<TLanes, TVector>(words++, lane, weight, zero) : weight;
                TLanes.Store(weight, at);
                sum = TLanes.Add(sum, weight);
                at += stride;
            }

            TLanes.Store(TLanes.Add(TLanes.Load(sums), sum), sums);
        }
    }

    /// <summary>One of two for each query of a key; the word is read with the one after it, so that it comes to all lanes by the load.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Selected<TLanes, TVector>(ushort* word, int lane, TVector allowed, TVector masked)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct =>
        TLanes.SelectBits(TLanes.Width < Lanes.Count ? *(uint*)word >> lane : *(uint*)word, allowed, masked);

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
                    sum = TLanes.SelectBits((uint)bits.At(part.Query + q - lane, part.Key)[k] >> lane, added, sum);
                }

                TLanes.Store(TLanes.Add(TLanes.Load(output), sum), output);
            }
        }
    }
}
