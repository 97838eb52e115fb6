using System.Runtime.Intrinsics;
using Stof.Reference.Operators;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>How keys lie in a panel.</summary>
internal enum KeyPanelOrder
{
    /// <summary>[D, keys padded to 16]: the right-hand side of a tile product.</summary>
    Transposed,

    /// <summary>[keys, D padded to 16]: keys are picked one by one.</summary>
    Rows,
}

/// <summary>
/// K and V of some (batch item, KV head) groups, widened to float and cut into panels of one tile column each, so that all
/// query blocks and all query heads of a group read them in order. Keys that no query attends have no panel.
/// </summary>
internal sealed unsafe class KvPanels
{
    private readonly AttentionProblem _problem;
    private readonly int _tileKeys;
    private readonly KeyPanelOrder _order;
    private readonly GrowingFloats _panels;
    private readonly GrowingFloats _rows;
    private bool[] _valueNotFinite = [];

    public KvPanels(AttentionProblem problem, int tileKeys, KeyPanelOrder order, AttentionWorkspace workspace)
    {
        _panels = workspace.Panels;
        _rows = workspace.Staging;
        _problem = problem;
        _tileKeys = tileKeys;
        _order = order;
        KeyStride = order == KeyPanelOrder.Transposed ? Lanes.RoundUp(tileKeys) : Lanes.RoundUp(problem.HeadSize);
        ValueStride = Lanes.RoundUp(problem.ValueSize);
        KeyFloats = order == KeyPanelOrder.Transposed ? problem.HeadSize * KeyStride : tileKeys * KeyStride;
        PanelFloats = KeyFloats + ((long)tileKeys * ValueStride);
    }

    /// <summary>Floats from row to row of a key panel.</summary>
    public int KeyStride { get; }

    /// <summary>Floats from row to row of a value panel: Dv padded to 16.</summary>
    public int ValueStride { get; }

    /// <summary>Floats of one tile column's keys and values.</summary>
    public long PanelFloats { get; }

    private int KeyFloats { get; }

    /// <summary>Keys of a panel.</summary>
    public float* Keys(int slot) => _panels.Pointer + (slot * PanelFloats);

    /// <summary>Values of a panel, [keys, <see cref="ValueStride"/>].</summary>
    public float* Values(int slot) => Keys(slot) + KeyFloats;

    /// <summary>True if a value of the panel is NaN or infinite: zero weights must then be skipped, not multiplied.</summary>
    public bool HasValueNotFinite(int slot) => _valueNotFinite[slot];

    /// <summary>Makes room for a number of panels and for one staging area a worker.</summary>
    public void Reserve(int slots, int workers)
    {
        _panels.Reserve(slots * PanelFloats);
        _rows.Reserve(workers * StagingFloats);
        if (_valueNotFinite.Length < slots)
        {
            _valueNotFinite = new bool[slots];
        }
    }

    private long StagingFloats => 4L * Lanes.RoundUp(_problem.HeadSize);

    /// <summary>Fills one panel; panels may be filled by different workers at the same time.</summary>
    public void Pack<TLanes, TVector>(in AttentionOperands operands, int batch, int kvHead, int tileColumn, int slot, int worker)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var first = tileColumn * _tileKeys;
        var keys = Math.Min(_tileKeys, _problem.KvLength - first);
        if (_order == KeyPanelOrder.Transposed)
        {
            Transpose(
                operands.Key,
                batch,
                kvHead,
                first,
                keys,
                _problem.HeadSize,
                Keys(slot),
                KeyStride,
                _rows.Pointer + (worker * StagingFloats));
        }
        else
        {
            for (var i = 0; i < keys; i++)
            {
                WidenPadded(operands.Key, batch, kvHead, first + i, Keys(slot) + (i * KeyStride), _problem.HeadSize, KeyStride);
            }
        }

        // x·0 is 0 for finite x and NaN otherwise: one product and sum for all values at once.
        var check = TLanes.Create(0f);
        for (var i = 0; i < keys; i++)
        {
            var row = Values(slot) + (i * ValueStride);
            WidenPadded(operands.Value, batch, kvHead, first + i, row, _problem.ValueSize, ValueStride);
            for (var d = 0; d < ValueStride; d += TLanes.Width)
            {
                check = TLanes.Fma(TLanes.Load(row + d), TLanes.Create(0f), check);
            }
        }

        _valueNotFinite[slot] = float.IsNaN(TLanes.SumAcross(check));
    }

    private static void WidenPadded(AttentionView view, int batch, int head, int key, float* destination, int size, int padded)
    {
        RowConversion.Widen(view.Tensor.Type, view.Row(batch, head, key), destination, size);
        new Span<float>(destination + size, padded - size).Clear();
    }

    /// <summary>Writes keys [first, first + keys) as a panel [size, stride], zeros beyond the last key.</summary>
    /// <param name="view">Where the keys lie.</param>
    /// <param name="batch">Batch item.</param>
    /// <param name="head">KV head.</param>
    /// <param name="first">First key.</param>
    /// <param name="keys">Number of keys.</param>
    /// <param name="size">Head size.</param>
    /// <param name="panel">Destination.</param>
    /// <param name="stride">Floats from row to row of the panel, a multiple of 16, at least the number of keys.</param>
    /// <param name="rows">Staging for four rows, each padded to 16.</param>
    public static void Transpose(
        AttentionView view, int batch, int head, int first, int keys, int size, float* panel, int stride, float* rows)
    {
        var rowStride = Lanes.RoundUp(size);
        for (var i = 0; i < stride; i += 4)
        {
            // Four rows at a time turn into one 16-byte store for every element of the head.
            for (var r = 0; r < 4; r++)
            {
                if (i + r < keys)
                {
                    RowConversion.Widen(view.Tensor.Type, view.Row(batch, head, first + i + r), rows + (r * rowStride), size);
                }
                else
                {
                    new Span<float>(rows + (r * rowStride), size).Clear();
                }
            }

            for (var d = 0; d < size; d++)
            {
                var quad = Vector128.Create(
                    rows[d], rows[d + rowStride], rows[d + (2 * rowStride)], rows[d + (3 * rowStride)]);
                quad.Store(panel + ((long)d * stride) + i);
            }
        }
    }
}
