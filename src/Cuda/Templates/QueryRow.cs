using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Formats;

namespace Stof.Reference.Cuda.Templates;

/// <summary>Everything that a warp addresses for its query: (batch item, head) come from the grid.</summary>
internal sealed class QueryRow
{
    private const int TileRows = 64;

    private readonly KernelBuilder _b;
    private readonly RowwiseParameters _p;
    private readonly B32 _query;
    private readonly B32 _batch;
    private readonly B64 _keyPlane;
    private readonly B64 _valuePlane;

    public QueryRow(KernelBuilder b, RowwiseParameters parameters, B32 query)
    {
        _b = b;
        _p = parameters;
        _query = query;
        Head = b.BlockY();
        var z = b.BlockZ();
        if (parameters.Parts is not null)
        {
            _batch = b.DivU32(z, parameters.Splits);
            Split = b.Sub(z, b.MulLo(_batch, parameters.Splits));
        }
        else
        {
            _batch = z;
        }

        var kvHead = b.DivU32(Head, parameters.GroupSize);
        _keyPlane = parameters.K.Plane(b, _batch, kvHead);
        _valuePlane = parameters.V.Plane(b, _batch, kvHead);
        Q = parameters.Q.Row(b, parameters.Q.Plane(b, _batch, Head), query);
        Output = parameters.O.Row(b, parameters.O.Plane(b, _batch, Head), query);
        var inTile = b.And(query, TileRows - 1);
        InnerRow = b.ShrU32(inTile, 3);
        RowInInner = b.ExtendU32(b.And(inTile, TileShape.Inner - 1));
    }

    /// <summary>Its row of Q.</summary>
    public GlobalPointer Q { get; }

    /// <summary>Its row of O.</summary>
    public GlobalPointer Output { get; }

    /// <summary>Row of inner tiles within the outer tile.</summary>
    public B32 InnerRow { get; }

    /// <summary>Row within the inner tile, as a distance in bytes: a row of it is a byte of its word.</summary>
    public B64 RowInInner { get; }

    /// <summary>The query.</summary>
    public B32 Query => _query;

    /// <summary>The batch item.</summary>
    public B32 Batch => _batch;

    /// <summary>The query head.</summary>
    public B32 Head { get; }

    /// <summary>Which range of the tile row's entries; 0 where there is one.</summary>
    public B32 Split { get; } = 0;

    /// <summary>Number of the row in [B, Hq, Sq].</summary>
    public B32 Place => _b.Mad(_b.Mad(_batch, _p.Heads, Head), _p.Queries, _query);

    /// <summary>A key.</summary>
    public GlobalPointer Key(B32 key) => _p.K.Row(_b, _keyPlane, key);

    /// <summary>A value.</summary>
    public GlobalPointer Value(B32 key) => _p.V.Row(_b, _valuePlane, key);

    /// <summary>First entry of the range of the query's tile row, in a register of its own, and the entry behind it.</summary>
    public (B32 Entry, B32 End) TileRange()
    {
        var slice = _b.Mad(_batch, _p.MaskBatchStride, _b.MulLo(Head, _p.MaskHeadStride));
        var pointer = _b.Element(_p.LoadRows, _b.Add(slice, _b.ShrU32(_query, 6)), sizeof(int));
        var (first, end) = (_b.LoadGlobal<B32>(pointer), _b.LoadGlobal<B32>(pointer + sizeof(int)));
        if (_p.Parts is null)
        {
            return (_b.Copy(first), end);
        }

        var count = _b.Sub(end, first);
        B32 Cut(B32 split) => _b.Add(first, _b.DivU32(_b.MulLo(count, split), _p.Splits));
        return (_b.Copy(Cut(Split)), Cut(_b.Add(Split, 1)));
    }
}
