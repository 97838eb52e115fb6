using System.Runtime.CompilerServices;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>
/// The running state of the rows of one query block: largest score m, sum l of exponentials (in sixteen lanes while tiles are
/// added) and the output before division, o. Merging two states (m₁,l₁,o₁)⊕(m₂,l₂,o₂) has the identity (−∞, 0, 0).
/// </summary>
internal readonly unsafe struct RowStates
{
    private readonly float* _base;
    private readonly int _rows;

    public RowStates(float* memory, int rows, int valueStride)
    {
        _base = memory;
        _rows = Lanes.RoundUp(rows);
        ValueStride = valueStride;
    }

    /// <summary>Floats from row to row of <see cref="Output"/>.</summary>
    public int ValueStride { get; }

    /// <summary>m: one a row.</summary>
    public float* Largest => _base;

    /// <summary>exp(old m − new m): one a row.</summary>
    public float* Factor => _base + _rows;

    /// <summary>m, or 0 where it is −∞, so that −∞ − m is never −∞ − (−∞).</summary>
    public float* Reference => _base + (2 * _rows);

    /// <summary>m with the scores of the newest tile: one a row.</summary>
    public float* Candidate => _base + (3 * _rows);

    /// <summary>l: one a row, valid once the lanes are added.</summary>
    public float* Sum => _base + (4 * _rows);

    /// <summary>l in sixteen lanes a row.</summary>
    public float* SumLanes => _base + (5 * _rows);

    /// <summary>o: [rows, <see cref="ValueStride"/>].</summary>
    public float* Output => _base + ((5 + Lanes.Count) * _rows);

    /// <summary>Floats of memory that one block's state needs.</summary>
    public static long Floats(int rows, int valueStride) => (5 + Lanes.Count + (long)valueStride) * Lanes.RoundUp(rows);

    /// <summary>The identity of the merge. Output is left alone: the first tile overwrites it.</summary>
    public void Clear()
    {
        new Span<float>(Largest, _rows).Fill(float.NegativeInfinity);
        new Span<float>(Candidate, _rows).Fill(float.NegativeInfinity);
        new Span<float>(Sum, _rows).Clear();
        new Span<float>(SumLanes, _rows * Lanes.Count).Clear();
    }

    /// <summary>Zeroes o, for a block that no tile wrote.</summary>
    public void ClearOutput(int rows) => new Span<float>(Output, rows * ValueStride).Clear();

    /// <summary>Adds the lanes of l.</summary>
    public void AddLanes(int rows)
    {
        for (var r = 0; r < rows; r++)
        {
            Sum[r] = Lanes.Sum(SumLanes + (r * Lanes.Count));
        }
    }

    /// <summary>Makes the candidates the largest scores and computes the factors for what was summed under the old ones.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Advance<TLanes, TVector>(int rows)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var nothing = TLanes.Create(float.NegativeInfinity);
        for (var r = 0; r < rows; r += TLanes.Width)
        {
            var candidate = TLanes.Load(Candidate + r);
            var reference = TLanes.Select(TLanes.Equal(candidate, nothing), TLanes.Create(0f), candidate);
            var old = TLanes.Load(Largest + r);
            TLanes.Store(VectorMath.Exp<TLanes, TVector>(TLanes.Subtract(old, reference)), Factor + r);
            TLanes.Store(reference, Reference + r);
            TLanes.Store(candidate, Largest + r);
        }
    }

    /// <summary>This state ⊕ a later one, into this one.</summary>
    public void Merge<TLanes, TVector>(in RowStates later, int rows)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        for (var r = 0; r < rows; r++)
        {
            Candidate[r] = MathF.Max(Largest[r], later.Largest[r]);
            later.Candidate[r] = Candidate[r];
        }

        Advance<TLanes, TVector>(rows);
        later.Advance<TLanes, TVector>(rows);
        for (var r = 0; r < rows; r++)
        {
            Sum[r] = MathF.FusedMultiplyAdd(later.Sum[r], later.Factor[r], Sum[r] * Factor[r]);
            var (own, other) = (TLanes.Create(Factor[r]), TLanes.Create(later.Factor[r]));
            for (var d = 0; d < ValueStride; d += TLanes.Width)
            {
                var o = Output + (r * ValueStride) + d;
                var addend = TLanes.Multiply(TLanes.Load(later.Output + (r * ValueStride) + d), other);
                TLanes.Store(TLanes.Fma(TLanes.Load(o), own, addend), o);
            }
        }
    }
}
