using System.Runtime.Intrinsics;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>
/// K and V of some (batch item, KV head) groups as rows of floats in panels of one tile column each, which all query blocks
/// and all query heads of a group read. Where the rows of both are F32 and follow each other without a gap they are read where they
/// lie; otherwise they are widened and copied, padded with zeros to 16. Keys that no query attends have no panel.
/// </summary>
internal sealed unsafe class KvPanels
{
    private const float NotMeasured = -1;

    private readonly AttentionProblem _problem;
    private readonly int _tileKeys;
    private readonly int _columns;
    private readonly GrowingFloats _panels;
    private AttentionOperands _operands;
    private readonly Finiteness[] _values;
    private readonly float[] _largestSquares;
    private long _slots;

    public KvPanels(AttentionProblem problem, int tileKeys, AttentionWorkspace workspace)
    {
        _panels = workspace.Panels;
        _problem = problem;
        _tileKeys = tileKeys;
        KeyStride = Lanes.RoundUp(problem.HeadSize);
        ValueStride = Lanes.RoundUp(problem.ValueSize);
        _columns = (problem.KvLength + tileKeys - 1) / tileKeys;
        _values = new Finiteness[problem.Batch * problem.KvHeads * _columns];
        _largestSquares = new float[_values.Length];
    }

    /// <summary>Floats from key to key: D padded to 16.</summary>
    public int KeyStride { get; }

    /// <summary>Floats from value to value: Dv padded to 16.</summary>
    public int ValueStride { get; }

    /// <summary>Floats of one tile column's keys and values.</summary>
    public long PanelFloats => (long)_tileKeys * (KeyStride + ValueStride);

    /// <summary>True if nothing is copied.</summary>
    public bool IsInPlace { get; private set; }

    /// <summary>Keys of a panel, [keys, <see cref="KeyStride"/>].</summary>
    public float* Keys(in PanelTask panel) => AllKeys(panel.Batch, panel.KvHead) + (First(panel) * KeyStride);

    /// <summary>Values of a panel, [keys, <see cref="ValueStride"/>].</summary>
    public float* Values(in PanelTask panel) => AllValues(panel.Batch, panel.KvHead) + (First(panel) * ValueStride);

    /// <summary>What the keys of a group are counted from: its first key, or the first packed one.</summary>
    public float* AllKeys(int batch, int kvHead) => IsInPlace ? (float*)_operands.Key.Row(batch, kvHead, 0) : _panels.Pointer;

    /// <summary>What the values of a group are counted from.</summary>
    public float* AllValues(int batch, int kvHead) =>
        IsInPlace ? (float*)_operands.Value.Row(batch, kvHead, 0) : _panels.Pointer + (_slots * _tileKeys * KeyStride);

    private long First(in PanelTask panel) => (long)(IsInPlace ? panel.Column : panel.Slot) * _tileKeys;

    /// <summary>
    /// True if a value of the panel is NaN or infinite: zero weights must then be skipped, not multiplied. Who asks first looks; two who
    /// ask at once find the same.
    /// </summary>
    public bool HasValueNotFinite<TLanes, TVector>(in PanelTask panel)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        ref var known = ref _values[Index(panel)];
        if (known == Finiteness.Unknown)
        {
            known = AreFinite<TLanes, TVector>(panel) ? Finiteness.Finite : Finiteness.NotFinite;
        }

        return known == Finiteness.NotFinite;
    }

    /// <summary>The square of the panel's longest key; NaN or infinite if one is. Who asks first measures, as above.</summary>
    public float LargestSquare<TLanes, TVector>(in PanelTask panel)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        ref var known = ref _largestSquares[Index(panel)];
        if (known == NotMeasured)
        {
            known = Measured<TLanes, TVector>(panel);
        }

        return known;
    }

    /// <summary>Takes the operands of a run and makes room for a number of panels.</summary>
    public void Bind(in AttentionOperands operands, int slots)
    {
        _operands = operands;
        _slots = slots;
        Array.Clear(_values);
        Array.Fill(_largestSquares, NotMeasured);
        IsInPlace = LieInPlace(operands);
        if (!IsInPlace)
        {
            _panels.Reserve(slots * PanelFloats);
        }
    }

    /// <summary>True if keys and values can be read where they lie, as far as the problem tells: if no other rows lie between.</summary>
    public bool MayLieInPlace =>
        _problem.Type == DType.F32 && _problem.HeadSize == KeyStride && _problem.ValueSize == ValueStride;

    /// <summary>True if keys and values can be read where they lie.</summary>
    public bool LieInPlace(in AttentionOperands operands) =>
        MayLieInPlace && operands.Key.RowStride == KeyStride && operands.Value.RowStride == ValueStride;

    /// <summary>Forgets the operands.</summary>
    public void Release() => _operands = default;

    /// <summary>Fills panels: some at a time, as one takes hardly longer than handing it out.</summary>
    public void Pack(PanelTask[] panels, WorkerPool pool)
    {
        var together = Math.Clamp(panels.Length / (4 * pool.Threads), 1, 16);
        pool.Run((panels.Length + together - 1) / together, new Packing(this, panels, together));
    }

    private void Pack(PanelTask panel)
    {
        var first = panel.Column * _tileKeys;
        var keys = TileKeys(panel);
        var target = Keys(panel);
        for (var i = 0; i < keys; i++)
        {
            WidenPadded(_operands.Key, panel, first + i, target + ((long)i * KeyStride), _problem.HeadSize, KeyStride);
        }

        target = Values(panel);
        for (var i = 0; i < keys; i++)
        {
            WidenPadded(_operands.Value, panel, first + i, target + ((long)i * ValueStride), _problem.ValueSize, ValueStride);
        }
    }

    private bool AreFinite<TLanes, TVector>(in PanelTask panel)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        // x·0 is 0 for finite x and NaN otherwise: one product and sum for all values at once.
        var check = TLanes.Create(0f);
        var values = Values(panel);
        var end = values + ((long)TileKeys(panel) * ValueStride);
        for (; values < end; values += TLanes.Width)
        {
            check = TLanes.Fma(TLanes.Load(values), TLanes.Create(0f), check);
        }

        return !float.IsNaN(TLanes.SumAcross(check));
    }

    private float Measured<TLanes, TVector>(in PanelTask panel)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var keys = Keys(panel);
        var last = keys + ((long)(TileKeys(panel) - 1) * KeyStride);
        var largest = Vector128<float>.Zero;
        for (var key = keys; key <= last; key += 4L * KeyStride)
        {
            // The last four repeat the last key.
            float* a = key, b = Next(a, last), c = Next(b, last), d = Next(c, last);
            var sumA = TLanes.Create(0f);
            var (sumB, sumC, sumD) = (sumA, sumA, sumA);
            for (var i = 0; i < KeyStride; i += TLanes.Width)
            {
                var (x, y) = (TLanes.Load(a + i), TLanes.Load(b + i));
                sumA = TLanes.Fma(x, x, sumA);
                sumB = TLanes.Fma(y, y, sumB);
                (x, y) = (TLanes.Load(c + i), TLanes.Load(d + i));
                sumC = TLanes.Fma(x, x, sumC);
                sumD = TLanes.Fma(y, y, sumD);
            }

            largest = Vector128.Max(TLanes.SumEach(sumA, sumB, sumC, sumD), largest);
        }

        return MathF.Max(MathF.Max(largest[0], largest[1]), MathF.Max(largest[2], largest[3]));
    }

    private float* Next(float* key, float* last) => key < last ? key + KeyStride : last;

    private int Index(in PanelTask panel) => (((panel.Batch * _problem.KvHeads) + panel.KvHead) * _columns) + panel.Column;

    private int TileKeys(in PanelTask panel) => Math.Min(_tileKeys, _problem.KvLength - (panel.Column * _tileKeys));

    private static void WidenPadded(AttentionView view, PanelTask panel, int key, float* destination, int size, int padded)
    {
        RowConversion.Widen(view.Tensor.Type, view.Row(panel.Batch, panel.KvHead, key), destination, size);
        new Span<float>(destination + size, padded - size).Clear();
    }

    private readonly struct Packing(KvPanels owner, PanelTask[] panels, int together) : IParallelBody
    {
        public void Execute(int task, int worker)
        {
            for (var i = task * together; i < Math.Min((task + 1) * together, panels.Length); i++)
            {
                owner.Pack(panels[i]);
            }
        }
    }

    private enum Finiteness : byte
    {
        Unknown,
        Finite,
        NotFinite,
    }
}
