using System.Runtime.InteropServices;
using Stof.Reference.Operators;

namespace Stof.Reference.OpenCL.Execution.Attention;

/// <summary>Where rows of a tensor lie, in elements.</summary>
/// <param name="Start">Element of batch item 0, head 0, row 0.</param>
/// <param name="Batch">Between batch items.</param>
/// <param name="Head">Between heads.</param>
/// <param name="Row">Between rows.</param>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct RowStrides(long Start, long Batch, long Head, long Row)
{
    /// <summary>A tensor of its own in a layout.</summary>
    public static RowStrides Of(AttentionLayout layout, int heads, int length, int size) => layout == AttentionLayout.BatchHeadsLength
        ? new RowStrides(0, (long)heads * length * size, (long)length * size, size)
        : new RowStrides(0, (long)heads * length * size, size, (long)heads * size);

    /// <summary>Columns [start, start + heads·size) of rows [batch·length, width].</summary>
    public static RowStrides Columns(int start, int width, int length, int size) => new(start, (long)length * width, size, width);
}

/// <summary>Where lists, and tensors that are joined with them, begin in their buffer, in bytes: the fields of <c>attention_places</c> in attention.cl, in their order.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct AttentionPlaces
{
    public long Inputs;
    public long O;
    public long Items;
    public long Columns;
    public long PartTiles;
    public long Bits;
    public long Bias;
    public long BiasOrigins;
    public long Sinks;
    public long States;
    public long Cuts;
    public long Arrivals;
    public long LogSumExp;
}

/// <summary>Shape and options of an attention as kernels take them: the fields of <c>attention_shape</c> in attention.cl, in their order.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct AttentionShape
{
    public AttentionPlaces At;
    public RowStrides Q;
    public RowStrides K;
    public RowStrides V;
    public RowStrides O;
    public long BiasBatch;
    public long BiasHead;
    public long BiasRow;
    public int Queries;
    public int Keys;
    public int Heads;
    public int HeadsPerKvHead;
    public int HeadSize;
    public int ValueSize;
    public int TileRows;
    public int TileColumns;
    public int HasLse;
    public int HasSinks;
    public float Scale;
    public float Cap;
    public float InverseCap;
    public int Reserved;

    /// <summary>The shape of a problem whose tensors lie in its layout.</summary>
    public static AttentionShape Of(AttentionProblem p, DeviceBias? bias) => new()
    {
        Q = RowStrides.Of(p.Layout, p.QueryHeads, p.QueryLength, p.HeadSize),
        K = RowStrides.Of(p.Layout, p.KvHeads, p.KvLength, p.HeadSize),
        V = RowStrides.Of(p.Layout, p.KvHeads, p.KvLength, p.ValueSize),
        O = RowStrides.Of(p.Layout, p.QueryHeads, p.QueryLength, p.ValueSize),
        BiasBatch = bias?.BatchStride ?? 0,
        BiasHead = bias?.HeadStride ?? 0,
        BiasRow = p.KvLength,
        Queries = p.QueryLength,
        Keys = p.KvLength,
        Heads = p.QueryHeads,
        HeadsPerKvHead = p.QueryHeads / p.KvHeads,
        HeadSize = p.HeadSize,
        ValueSize = p.ValueSize,
        HasLse = p.LogSumExp == LogSumExpOutput.None ? 0 : 1,
        HasSinks = p.Sinks is null ? 0 : 1,
        Scale = (float)p.EffectiveScale,
        Cap = (float)(p.Softcap ?? 0),
        InverseCap = (float)(1 / (p.Softcap ?? 1)),
    };
}
