namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>
/// The running state of one query block, one query a lane: a reference m for the scores in base 2, the sum l of 2^(t − m) and
/// the output before division, o. Any m serves that keeps the powers in range, so it follows the largest score only when that
/// has outgrown it by <see cref="Headroom"/>: after the first tiles o is hardly ever rescaled. Merging two states
/// (m₁,l₁,o₁)⊕(m₂,l₂,o₂) has the identity (−∞, 0, 0).
/// <para>m is an integer, and the fraction of a score is split off before m is subtracted (<see cref="PowerOfTwo{TLanes, TVector}"/>): another m gives
/// the same l and o but for an exact power of two. So where scores are known to be small m can be 0 for good, and nobody looks for the
/// largest score; that this was so does not show in the bits.</para>
/// <para>Every some tiles the sums are settled, that is, added to older sums and begun anew from zero: with the sums inside a
/// tile that makes three short chains of additions in place of one that is as long as the sequence.</para>
/// </summary>
internal readonly unsafe struct LaneStates(float* memory, int stride, int valueSize)
{
    /// <summary>How far a score may lie above m, in powers of two: weights up to 256.</summary>
    private const float Headroom = 8;

    /// <summary>2⁻²⁴: a row whose weights are less in all is computed again with an m of its own.</summary>
    private const float LeastSum = 5.9604645e-08f;

    private const int Rows = 5; // floats a query beside the sums

    /// <summary>Queries of the block, rounded up to 16: floats from row to row of <see cref="Output"/>.</summary>
    public int Stride { get; } = stride;

    /// <summary>m: one a query; −∞ before the first score.</summary>
    public float* Largest { get; } = memory;

    /// <summary>What turns o into the output: one a query.</summary>
    public float* Factor => Largest + Stride;

    /// <summary>m, or 0 where it is −∞, so that −∞ − m is never −∞ − (−∞).</summary>
    public float* Reference => Largest + (2 * Stride);

    /// <summary>Largest score of the newest tile: one a query.</summary>
    public float* Candidate => Largest + (3 * Stride);

    /// <summary>Product of the factors since the sums were settled last: one a query.</summary>
    private float* Pending => Largest + (4 * Stride);

    /// <summary>l: one a query.</summary>
    public float* Sum => Largest + (Rows * Stride);

    /// <summary>o: [Dv, <see cref="Stride"/>].</summary>
    public float* Output => Sum + Stride;

    private int SumFloats => (1 + valueSize) * Stride; // l and o

    private float* Settled => Sum + SumFloats;

    /// <summary>Floats of memory that one block's state needs.</summary>
    public static long Floats(int stride, int valueSize) => (Rows + (2L * (1 + valueSize))) * stride;

    /// <summary>No keys yet: the identity of the merge.</summary>
    /// <param name="isBounded">True if m is 0 for good.</param>
    public void Clear(bool isBounded)
    {
        new Span<float>(Largest, Stride).Fill(isBounded ? 0f : float.NegativeInfinity);
        new Span<float>(Reference, Stride).Clear();
        new Span<float>(Pending, Stride).Fill(1f);
        new Span<float>(Sum, SumFloats).Clear();
    }

    /// <summary>Adds l and o to the settled sums, and begins them from zero.</summary>
    /// <param name="isFirst">True if nothing is settled yet.</param>
    public void Settle<TLanes, TVector>(bool isFirst)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        if (!isFirst)
        {
            Collect<TLanes, TVector>();
        }

        new Span<float>(Sum, SumFloats).CopyTo(new Span<float>(Settled, SumFloats));
        new Span<float>(Sum, SumFloats).Clear();
        new Span<float>(Pending, Stride).Fill(1f);
    }

    /// <summary>Adds the settled sums to l and o: for the end, if anything was settled.</summary>
    public void Collect<TLanes, TVector>()
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        for (var q = 0; q < Stride; q += TLanes.Width)
        {
            var pending = TLanes.Load(Pending + q);
            for (var at = q; at < SumFloats; at += Stride)
            {
                TLanes.Store(TLanes.Fma(TLanes.Load(Settled + at), pending, TLanes.Load(Sum + at)), Sum + at);
            }
        }
    }

    /// <summary>Moves m where the candidates need it, and rescales what was summed under the old one.</summary>
    /// <param name="first">First query, a multiple of 16.</param>
    /// <param name="queries">Number of queries, a multiple of 16.</param>
    public void Advance<TLanes, TVector>(int first, int queries)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        for (var q = first; q < first + queries; q += TLanes.Width)
        {
            var candidate = TLanes.Load(Candidate + q);
            var old = TLanes.Load(Largest + q);
            var grows = TLanes.LessThan(TLanes.Add(old, TLanes.Create(Headroom)), candidate);
            if (!TLanes.IsAny(grows))
            {
                continue;
            }

            // Exactly 1 where m stays. A new m is not −∞.
            candidate = TLanes.Round(candidate);
            var factor = BaseTwo.Power<TLanes, TVector>(TLanes.Subtract(old, candidate));
            factor = TLanes.Select(grows, factor, TLanes.Create(1f));
            var largest = TLanes.Select(grows, candidate, old);
            TLanes.Store(largest, Largest + q);
            TLanes.Store(TLanes.Select(grows, candidate, TLanes.Load(Reference + q)), Reference + q);
            TLanes.Store(TLanes.Multiply(TLanes.Load(Pending + q), factor), Pending + q);
            for (var at = q; at < SumFloats; at += Stride)
            {
                TLanes.Store(TLanes.Multiply(TLanes.Load(Sum + at), factor), Sum + at);
            }
        }
    }

    /// <summary>
    /// True if an m of 0 served all rows: nothing overflowed, and no row lies so far below it that small values would lose bits.
    /// </summary>
    /// <param name="mayBeEmpty">True if a row whose weights are all 0 is one without keys.</param>
    public bool IsInRange<TLanes, TVector>(bool mayBeEmpty)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        // x·0 is 0 for finite x and NaN otherwise.
        var zero = TLanes.Create(0f);
        var (least, check) = (TLanes.Create(LeastSum), zero);
        for (var q = 0; q < Stride; q += TLanes.Width)
        {
            var sum = TLanes.Load(Sum + q);
            var isLow = TLanes.LessThan(sum, least);
            isLow = mayBeEmpty ? TLanes.Select(TLanes.Equal(sum, zero), zero, isLow) : isLow;
            if (TLanes.IsAny(isLow))
            {
                return false;
            }
        }

        for (var at = Sum; at < Sum + SumFloats; at += TLanes.Width)
        {
            check = TLanes.Fma(TLanes.Load(at), zero, check);
        }

        return !float.IsNaN(TLanes.SumAcross(check));
    }

    /// <summary>Multiplies o by <see cref="Factor"/>.</summary>
    /// <param name="hasValues">
    /// True if some queries have a sum of 0; their factor is then what every element of the row is: see <see cref="RowFinish"/>.
    /// </param>
    public void Scale<TLanes, TVector>(bool hasValues)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        for (var q = 0; q < Stride; q += TLanes.Width)
        {
            var factor = TLanes.Load(Factor + q);
            var isValue = TLanes.Equal(TLanes.Load(Sum + q), TLanes.Create(0f));
            for (var d = q; d < valueSize * Stride; d += Stride)
            {
                var scaled = TLanes.Multiply(TLanes.Load(Output + d), factor);
                TLanes.Store(hasValues ? TLanes.Select(isValue, factor, scaled) : scaled, Output + d);
            }
        }
    }

    /// <summary>This state ⊕ a later one, into this one.</summary>
    public void Merge<TLanes, TVector>(in LaneStates later)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var (nothing, zero) = (TLanes.Create(float.NegativeInfinity), TLanes.Create(0f));
        for (var q = 0; q < Stride; q += TLanes.Width)
        {
            // Rows without keys have an m of 0 where scores are bounded.
            var mine = TLanes.Select(TLanes.Equal(TLanes.Load(Sum + q), zero), nothing, TLanes.Load(Largest + q));
            var its = TLanes.Select(TLanes.Equal(TLanes.Load(later.Sum + q), zero), nothing, TLanes.Load(later.Largest + q));
            var joint = TLanes.Max(mine, its);
            var reference = TLanes.Select(TLanes.Equal(joint, nothing), zero, joint);
            var own = BaseTwo.Power<TLanes, TVector>(TLanes.Subtract(mine, reference));
            var other = BaseTwo.Power<TLanes, TVector>(TLanes.Subtract(its, reference));
            TLanes.Store(joint, Largest + q);
            for (var at = 0; at < SumFloats; at += Stride)
            {
                // Row 0 is l, the rows of o follow it.
                var addend = TLanes.Multiply(TLanes.Load(later.Sum + at + q), other);
                TLanes.Store(TLanes.Fma(TLanes.Load(Sum + at + q), own, addend), Sum + at + q);
            }
        }
    }
}
