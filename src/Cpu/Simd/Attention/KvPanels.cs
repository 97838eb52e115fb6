using Stof.Reference.Numerics;
using Stof.Reference.Operators;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>
/// K and V of some (batch item, KV head) groups as rows of floats in panels of one tile column each, which all query blocks
/// and all query heads of a group read. Rows of F32 that follow each other without a gap are read where they lie; all others
/// are widened and copied, padded with zeros to 16. Keys that no query attends have no panel.
/// </summary>
internal sealed unsafe class KvPanels
{
    private readonly AttentionProblem _problem;
    private readonly int _tileKeys;
    private readonly GrowingFloats _panels;
    private AttentionOperands _operands;
    private bool[] _valueNotFinite = [];
    private bool _readsKeys; // true where K lies in place
    private bool _readsValues;

    public KvPanels(AttentionProblem problem, int tileKeys, AttentionWorkspace workspace)
    {
        _panels = workspace.Panels;
        _problem = problem;
        _tileKeys = tileKeys;
        KeyStride = Lanes.RoundUp(problem.HeadSize);
        ValueStride = Lanes.RoundUp(problem.ValueSize);
    }

    /// <summary>Floats from key to key: D padded to 16.</summary>
    public int KeyStride { get; }

    /// <summary>Floats from value to value: Dv padded to 16.</summary>
    public int ValueStride { get; }

    /// <summary>Floats of one tile column's keys and values.</summary>
    public long PanelFloats => (long)_tileKeys * (KeyStride + ValueStride);

    /// <summary>True if nothing is copied.</summary>
    public bool IsInPlace => _readsKeys && _readsValues;

    /// <summary>Keys of a panel, [keys, <see cref="KeyStride"/>].</summary>
    public float* Keys(in PanelTask panel) => _readsKeys
        ? (float*)_operands.Key.Row(panel.Batch, panel.KvHead, panel.Column * _tileKeys)
        : _panels.Pointer + (panel.Slot * PanelFloats);

    /// <summary>Values of a panel, [keys, <see cref="ValueStride"/>].</summary>
    public float* Values(in PanelTask panel) => _readsValues
        ? (float*)_operands.Value.Row(panel.Batch, panel.KvHead, panel.Column * _tileKeys)
        : _panels.Pointer + (panel.Slot * PanelFloats) + ((long)_tileKeys * KeyStride);

    /// <summary>True if a value of the panel is NaN or infinite: zero weights must then be skipped, not multiplied.</summary>
    public bool HasValueNotFinite(int slot) => _valueNotFinite[slot];

    /// <summary>Takes the operands of a run and makes room for a number of panels.</summary>
    public void Bind(in AttentionOperands operands, int slots)
    {
        _operands = operands;
        _readsKeys = _problem.Type == DType.F32 && operands.Key.RowStride == KeyStride && _problem.HeadSize == KeyStride;
        _readsValues = _problem.Type == DType.F32 && operands.Value.RowStride == ValueStride && _problem.ValueSize == ValueStride;
        if (!IsInPlace)
        {
            _panels.Reserve(slots * PanelFloats);
        }

        if (_valueNotFinite.Length < slots)
        {
            _valueNotFinite = new bool[slots];
        }
    }

    /// <summary>Forgets the operands.</summary>
    public void Release() => _operands = default;

    /// <summary>Fills one panel; panels may be filled by different workers at the same time.</summary>
    public void Pack<TLanes, TVector>(PanelTask panel)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var first = panel.Column * _tileKeys;
        var keys = Math.Min(_tileKeys, _problem.KvLength - first);
        var target = Keys(panel);
        for (var i = 0; i < keys && !_readsKeys; i++)
        {
            WidenPadded(_operands.Key, panel, first + i, target + ((long)i * KeyStride), _problem.HeadSize, KeyStride);
        }

        // x·0 is 0 for finite x and NaN otherwise: one product and sum for all values at once.
        target = Values(panel);
        var check = TLanes.Create(0f);
        for (var i = 0; i < keys; i++)
        {
            var row = target + ((long)i * ValueStride);
            if (!_readsValues)
            {
                WidenPadded(_operands.Value, panel, first + i, row, _problem.ValueSize, ValueStride);
            }

            for (var d = 0; d < ValueStride; d += TLanes.Width)
            {
                check = TLanes.Fma(TLanes.Load(row + d), TLanes.Create(0f), check);
            }
        }

        _valueNotFinite[panel.Slot] = float.IsNaN(TLanes.SumAcross(check));
    }

    private static void WidenPadded(AttentionView view, PanelTask panel, int key, float* destination, int size, int padded)
    {
        RowConversion.Widen(view.Tensor.Type, view.Row(panel.Batch, panel.KvHead, key), destination, size);
        new Span<float>(destination + size, padded - size).Clear();
    }
}
