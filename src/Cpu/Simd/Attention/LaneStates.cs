namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>
/// The running state of one query block, one query a lane: a reference m for the scores in base 2, the sum l of 2^(t − m) and
/// the output before division, o. Any m serves that keeps the powers in range, so it follows the largest score only when that
/// has outgrown it by <see cref="Headroom"/>: after the first tiles o is hardly ever rescaled. Merging two states
/// (m₁,l₁,o₁)⊕(m₂,l₂,o₂) has the identity (−∞, 0, 0).
/// </summary>
internal readonly unsafe struct LaneStates(float* memory, int stride)
{
    /// <summary>How far a score may lie above m, in powers of two: weights up to 256.</summary>
    private const float Headroom = 8;

    private const int Rows = 5; // floats a query beside the output

    /// <summary>Queries of the block, rounded up to 16: floats from row to row of <see cref="Output"/>.</summary>
    public int Stride { get; } = stride;

    /// <summary>m: one a query; −∞ before the first score.</summary>
    public float* Largest { get; } = memory;

    /// <summary>2^(old m − new m): one a query.</summary>
    public float* Factor => Largest + Stride;

    /// <summary>m, or 0 where it is −∞, so that −∞ − m is never −∞ − (−∞).</summary>
    public float* Reference => Largest + (2 * Stride);

    /// <summary>Largest raw score of the newest tile: one a query.</summary>
    public float* Candidate => Largest + (3 * Stride);

    /// <summary>l: one a query.</summary>
    public float* Sum => Largest + (4 * Stride);

    /// <summary>o: [Dv, <see cref="Stride"/>].</summary>
    public float* Output => Largest + (Rows * Stride);

    /// <summary>Floats of memory that one block's state needs.</summary>
    public static long Floats(int stride, int valueSize) => (Rows + (long)valueSize) * stride;

    /// <summary>The identity of the merge.</summary>
    public void Clear(int valueSize)
    {
        new Span<float>(Largest, Stride).Fill(float.NegativeInfinity);
        new Span<float>(Sum, (1 + valueSize) * Stride).Clear();
    }

    /// <summary>
    /// Moves m where the candidates need it, and computes the factors for what was summed under the old one: exactly 1 where m
    /// stays.
    /// </summary>
    /// <param name="first">First query, a multiple of 16.</param>
    /// <param name="queries">Number of queries, a multiple of 16.</param>
    /// <param name="unit">Factor from candidates to scores in base 2.</param>
    /// <returns>True if a factor is not 1.</returns>
    public bool Advance<TLanes, TVector>(int first, int queries, float unit)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var (zero, one) = (TLanes.Create(0f), TLanes.Create(1f));
        var nothing = TLanes.Create(float.NegativeInfinity);
        var moved = zero;
        for (var q = first; q < first + queries; q += TLanes.Width)
        {
            var candidate = TLanes.Multiply(TLanes.Load(Candidate + q), TLanes.Create(unit));
            var old = TLanes.Load(Largest + q);
            var grows = TLanes.LessThan(TLanes.Add(old, TLanes.Create(Headroom)), candidate);
            var largest = TLanes.Select(grows, candidate, old);
            var reference = TLanes.Select(TLanes.Equal(largest, nothing), zero, largest);
            var factor = BaseTwo.Power<TLanes, TVector>(TLanes.Subtract(old, reference));
            TLanes.Store(TLanes.Select(grows, factor, one), Factor + q);
            TLanes.Store(reference, Reference + q);
            TLanes.Store(largest, Largest + q);
            moved = TLanes.Select(grows, one, moved);
        }

        return TLanes.MaxAcross(moved) > 0f;
    }

    /// <summary>This state ⊕ a later one, into this one.</summary>
    public void Merge<TLanes, TVector>(in LaneStates later, int valueSize)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var nothing = TLanes.Create(float.NegativeInfinity);
        for (var q = 0; q < Stride; q += TLanes.Width)
        {
            var (mine, its) = (TLanes.Load(Largest + q), TLanes.Load(later.Largest + q));
            var joint = TLanes.Max(mine, its);
            var reference = TLanes.Select(TLanes.Equal(joint, nothing), TLanes.Create(0f), joint);
            var own = BaseTwo.Power<TLanes, TVector>(TLanes.Subtract(mine, reference));
            var other = BaseTwo.Power<TLanes, TVector>(TLanes.Subtract(its, reference));
            TLanes.Store(joint, Largest + q);
            for (var at = 0; at < (1 + valueSize) * Stride; at += Stride)
            {
                // Row 0 is l, the rows of o follow it.
                var addend = TLanes.Multiply(TLanes.Load(later.Sum + at + q), other);
                TLanes.Store(TLanes.Fma(TLanes.Load(Sum + at + q), own, addend), Sum + at + q);
            }
        }
    }
}
